/** SIGTERM: nothing is lost, others go on, and the process ends in time. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { type Daemon, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { placeFor, until } from '../e2e/place.ts';
import { isAlive, pidIn } from '../e2e/programs.ts';
import { endedWell, idOf, isOwned, letGo, seesManagers, waiting } from './several.fixture.ts';

test('one daemon: what runs goes on without it, and ends under its next start', async (t) => {
  const place = placeFor(t);
  const first = await startDaemon(place);
  const runId = await startRun(first.api, place, waiting('next'));
  const program = await pidIn(join(place.folder, 'next.pid'));
  const watching = watchToEnd(first.connect(), runId);
  const cut = assert.rejects(watching, (error: ConnectError) => error.code === Code.Unavailable);
  await first.stop();
  await cut;
  assert.ok(isAlive(program));
  const executors = rowsOf(place.home, 'executors');
  assert.equal(executors.length, 1);
  assert.deepEqual(rowsOf(place.home, 'managers'), []);
  const second = await startDaemon(place);
  await isOwned(second.api, runId, { is: await idOf(second) });
  letGo(place, 'next');
  await endedWell(second.api, runId);
  assert.deepEqual(
    rowsOf(place.home, 'executors').map(({ executor_id }) => executor_id),
    executors.map(({ executor_id }) => executor_id),
  );
  // Nothing runs: its executor goes with it.
  const { pid } = rowsOf(place.home, 'executors')[0]!;
  await second.stop();
  assert.ok(!isAlive(Number(pid)));
  assert.deepEqual(rowsOf(place.home, 'executors'), []);
});

test('two daemons are restarted one after the other under load: every run ends, and every call is answered', async (t) => {
  const place = placeFor(t);
  let daemons: Daemon[] = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const runIds: string[] = [];
  let restarting = true;
  const load = (async () => {
    for (let n = 0; restarting; n++) {
      const text = `name: quick\nprocessors:\n  a: { run: echo a }\n  b: { needs: a, run: sleep 0.2 }\n`;
      // As a client with two addresses does.
      try {
        runIds.push(await startRun(daemons[n % 2]!.api, place, text));
      } catch (error) {
        assert.ok(error instanceof ConnectError && error.code === Code.Unavailable, String(error));
        runIds.push(await startRun(daemons[(n + 1) % 2]!.api, place, text));
      }
    }
  })();
  for (const which of [0, 1]) {
    const old = daemons[which]!;
    const next = await startDaemon(place);
    await seesManagers(next, 3);
    daemons = daemons.with(which, next);
    await old.stop();
  }
  restarting = false;
  await load;
  assert.ok(runIds.length > 2);
  for (const runId of runIds) await endedWell(daemons[0]!.api, runId);
  await Promise.all(daemons.map((daemon) => daemon.stop()));
});

test('SIGINT ends it too; a second signal ends it at once', async (t) => {
  const place = placeFor(t);
  const first = await startDaemon(place);
  first.process.child.kill('SIGINT');
  assert.equal((await first.process.ended).code, 0);
  const second = await startDaemon(place);
  const runId = await startRun(second.api, place, waiting('twice'));
  await pidIn(join(place.folder, 'twice.pid'));
  second.process.child.kill('SIGTERM');
  await second.process.says(/ending/);
  second.process.child.kill('SIGTERM');
  const { code } = await second.process.ended;
  // It may have been done already.
  assert.ok(code === 143 || code === 0, `${code}`);
  const third = await startDaemon(place);
  letGo(place, 'twice');
  const { state } = await watchToEnd(third.api, runId);
  assert.equal(state, RunState.SUCCEEDED);
  await until('nothing is left', () => rowsOf(place.home, 'leases').every(({ kind }) => kind === 'centre'));
  await third.stop();
});
