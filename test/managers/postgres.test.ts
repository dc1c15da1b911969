/** The same on PostgreSQL, where managers hear of each other by notifications. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon, startRun } from '../daemon.ts';
import { placeFor, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { postgresForTests } from '../postgres.ts';
import {
  COUNTING,
  endedWell,
  idOf,
  isOwned,
  letGo,
  seesManagers,
  succeeded,
  waiting,
} from './several.fixture.ts';

const server = postgresForTests();
const RUNS = 60;

test(`3 managers, ${RUNS} runs, kill -9 of one: none twice, none lost, and one centre after another`, async (t) => {
  const place = placeFor(t);
  const args = ['--store', await (await server()).newDatabase()];
  const daemons = await Promise.all([1, 2, 3].map(() => startDaemon(place, { args })));
  for (const daemon of daemons) await seesManagers(daemon, 3);
  const { managers } = await daemons[0]!.api.manager.getManager({});
  const centre = managers.find((manager) => manager.centre)!.managerId;
  const ids = await Promise.all(daemons.map(idOf));
  const [dying] = daemons.splice(ids.indexOf(centre), 1);
  const runIds: string[] = [];
  for (let i = 0; i < RUNS; i++) {
    runIds.push(await startRun(daemons[i % 2]!.api, place, COUNTING));
    if (i === RUNS / 2) await dying!.kill();
  }
  for (const runId of runIds) await succeeded(daemons[0]!.api, runId);
  const lines = readFileSync(join(place.folder, 'counts'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.toSorted(), runIds.flatMap((runId) => [`${runId} a`, `${runId} b`]).sort());
  await until('another one is the centre', async () => {
    const { managers } = await daemons[0]!.api.manager.getManager({});
    return managers.some((manager) => manager.centre && manager.managerId !== centre);
  });
  // The last one ends the executor that they shared.
  for (const daemon of daemons) await daemon.stop();
});

test('what runs goes on with others when a daemon is stopped, undisturbed', async (t) => {
  const place = placeFor(t);
  const args = ['--store', await (await server()).newDatabase()];
  const first = await startDaemon(place, { args });
  const runIds: string[] = [];
  for (let i = 0; i < 4; i++) runIds.push(await startRun(first.api, place, waiting(`pg${i}`)));
  for (let i = 0; i < 4; i++) await pidIn(join(place.folder, `pg${i}.pid`));
  const second = await startDaemon(place, { args });
  await seesManagers(second, 2);
  await first.stop();
  for (const runId of runIds) await isOwned(second.api, runId, { is: await idOf(second) });
  for (let i = 0; i < 4; i++) letGo(place, `pg${i}`);
  for (const runId of runIds) await endedWell(second.api, runId);
  await second.stop();
});
