/** Daemons on one store share its runs: none twice, none lost, whoever comes and goes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { type Place, placeFor, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import {
  attemptsOf,
  COUNTING,
  checkJournal,
  endedWell,
  idOf,
  isOwned,
  letGo,
  ownersOf,
  seesManagers,
  succeeded,
  waiting,
} from './several.fixture.ts';

const RUNS = 300;

/** How many runs each manager owns. */
function ownedBy(place: Place): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, holder } of rowsOf(place.home, 'leases')) {
    if (kind === 'run') counts.set(String(holder), (counts.get(String(holder)) ?? 0) + 1);
  }
  return counts;
}

test(`3 managers, ${RUNS} runs, kill -9 of one: none twice, none lost`, async (t) => {
  const place = placeFor(t);
  const daemons = await Promise.all([startDaemon(place), startDaemon(place), startDaemon(place)]);
  const [first, second, third] = daemons as [(typeof daemons)[0], (typeof daemons)[0], (typeof daemons)[0]];
  for (const daemon of daemons) await seesManagers(daemon, 3);
  const runIds: string[] = [];
  const owners = new Set<string>();
  for (let i = 0; i < RUNS; i++) {
    // The one that is killed is asked no more after two thirds.
    const asked = i < (2 * RUNS) / 3 ? daemons[i % 3]! : [second, third][i % 2]!;
    runIds.push(await startRun(asked.api, place, COUNTING));
    for (const owner of ownedBy(place).keys()) owners.add(owner);
    if (i === (2 * RUNS) / 3) await first.kill();
  }
  for (const runId of runIds) await succeeded(second.api, runId);
  assert.equal(new Set(runIds).size, RUNS);
  assert.ok(owners.size >= 3, `runs were owned by ${owners.size} managers`);
  const lines = readFileSync(join(place.folder, 'counts'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), runIds.flatMap((runId) => [`${runId} a`, `${runId} b`]).sort());
  await Promise.all([second.stop(), third.stop()]);
});

test('who joins gets a share of what runs; when it leaves, others have that; programs go on', async (t) => {
  const place = placeFor(t);
  const COUNT = 24;
  const first = await startDaemon(place);
  const runIds: string[] = [];
  for (let i = 0; i < COUNT; i++) runIds.push(await startRun(first.api, place, waiting(`join${i}`)));
  await until('the runs are owned', () => [...ownedBy(place).values()].join() === `${COUNT}`);
  const second = await startDaemon(place);
  await until('the runs are shared', () => {
    const counts = [...ownedBy(place).values()];
    return counts.length === 2 && Math.min(...counts) >= 3 && counts[0]! + counts[1]! === COUNT;
  });
  await first.stop();
  const only = await idOf(second);
  await until('the second has them all', () => ownedBy(place).get(only) === COUNT);
  for (let i = 0; i < COUNT; i++) letGo(place, `join${i}`);
  for (const runId of runIds) {
    assert.deepEqual(attemptsOf(await endedWell(second.api, runId)), { wait: 1, after: 1 });
  }
  assert.equal(await place.out(['runs', 'logs', runIds[3]!, 'wait']), 'went\n');
  await second.stop();
});

test('kill -9 during a program: the same attempt ends under another manager, and under the next start', async (t) => {
  const place = placeFor(t);
  const daemons = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const runId = await startRun(daemons[0]!.api, place, waiting('killed'));
  await pidIn(join(place.folder, 'killed.pid'));
  const owner = await isOwned(daemons[0]!.api, runId, {});
  const ids = await Promise.all(daemons.map(idOf));
  const [owning, other] = ids[0] === owner ? daemons : daemons.toReversed();
  await owning!.kill();
  await isOwned(other!.api, runId, { not: owner });
  // And once more, with nobody left.
  await other!.kill();
  const third = await startDaemon(place);
  await isOwned(third.api, runId, { is: await idOf(third) });
  letGo(place, 'killed');
  const events = await endedWell(third.api, runId);
  assert.ok(ownersOf(events).length >= 2);
  const { processors } = await third.api.runs.getRun({ runId });
  assert.deepEqual(
    processors.map(({ name, attempts }) => [name, attempts.length]),
    [
      ['wait', 1],
      ['after', 1],
    ],
  );
  await third.stop();
});

test('any manager answers: watch, cancel and retry of what another one owns, and what runs where', async (t) => {
  const place = placeFor(t);
  const daemons = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const ids = await Promise.all(daemons.map(idOf));
  // Whose a run is follows from its id, so that either of them is the other one sooner or later.
  const seen = new Set<string>();
  for (let i = 0; seen.size < 2; i++) {
    const runId = await startRun(daemons[0]!.api, place, waiting(`any${i}`));
    await pidIn(join(place.folder, `any${i}.pid`));
    const owner = await isOwned(daemons[0]!.api, runId, {});
    seen.add(owner);
    const other = daemons[ids[0] === owner ? 1 : 0]!;
    await until('the other one knows what runs', async () => {
      const { executors } = await other.api.manager.listExecutors({});
      return executors.some(({ running }) => running === 1);
    });
    const watched = watchToEnd(other.api, runId);
    const { run } = await other.api.runs.cancelRun({ runId, message: 'from the other one' });
    assert.equal(run?.cancelRequested, true);
    const { events, state } = await watched;
    assert.equal(state, RunState.FAILED);
    checkJournal(events, runId);
    const { processors } = await other.api.runs.retryRun({ runId, from: ['wait'] });
    assert.deepEqual(processors, ['wait', 'after']);
    await isOwned(other.api, runId, { is: owner });
    await until('it goes on', async () => {
      const { processors } = await other.api.runs.getRun({ runId });
      return processors[0]?.state === ProcessorState.RUNNING;
    });
    letGo(place, `any${i}`);
    assert.equal((await watchToEnd(other.api, runId)).state, RunState.SUCCEEDED);
  }
  await Promise.all(daemons.map((daemon) => daemon.stop()));
});
