/** What answers callers and what owns runs as processes of their own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { placeFor, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { endedWell, idOf, isOwned, letGo, waiting } from './several.fixture.ts';

test('API, manager and executor are three processes: a run is started, watched, cancelled and gone on with', async (t) => {
  const place = placeFor(t);
  const api = await startDaemon(place, { args: ['--role', 'api'] });
  // It is kept until there is somebody to take it.
  const early = await startRun(api.api, place, waiting('early'));
  const runs = await startDaemon(place, { args: ['--role', 'runs'] });
  assert.equal(runs.url, '');
  await pidIn(join(place.folder, 'early.pid'));
  const { managers } = await api.api.manager.getManager({});
  assert.deepEqual(
    managers.map(({ roles, centre }) => [roles, centre]).sort(),
    [
      [['api'], false],
      [['runs'], true],
    ].sort(),
  );
  const { executors } = await api.api.manager.listExecutors({});
  const processes = new Set([api.pid, runs.pid, executors[0]!.pid]);
  assert.equal(processes.size, 3);
  assert.notEqual(await isOwned(api.api, early, {}), await idOf(api));
  letGo(place, 'early');
  await endedWell(api.api, early);
  assert.equal(await place.out(['runs', 'logs', early, 'wait']), 'went\n');

  const runId = await startRun(api.api, place, waiting('late'));
  await pidIn(join(place.folder, 'late.pid'));
  const { run } = await api.api.runs.cancelRun({ runId });
  assert.equal(run?.cancelRequested, true);
  assert.equal((await watchToEnd(api.api, runId)).state, RunState.FAILED);
  await api.api.runs.retryRun({ runId, from: ['wait'] });
  letGo(place, 'late');
  assert.equal((await watchToEnd(api.api, runId)).state, RunState.SUCCEEDED);

  await api.stop();
  await runs.stop();
});

test('what owns runs goes on without what answers callers', async (t) => {
  const place = placeFor(t);
  const api = await startDaemon(place, { args: ['--role', 'api'] });
  const runs = await startDaemon(place, { args: ['--role', 'runs'] });
  const runId = await startRun(api.api, place, waiting('alone'));
  await pidIn(join(place.folder, 'alone.pid'));
  await api.stop();
  letGo(place, 'alone');
  await until('it has ended', async () => {
    const [run] = await place.json(['runs', 'list', '--limit', '1']);
    return run.runId === runId && run.state === 'RUN_STATE_SUCCEEDED';
  });
  await runs.stop();
});
