/** A manager that stands still past its lease: another one goes on, and nothing that it does afterwards counts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon, startRun } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { placeFor, until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import { endedWell, idOf, isOwned, letGo, ownersOf, seesManagers, waiting } from './several.fixture.ts';

/** As many as a local executor has slots at the least. */
const RUNS = 4;

test('SIGSTOP past the lease, SIGCONT: it writes nothing, drops what others own, and is there again', async (t) => {
  const place = placeFor(t);
  const daemons = [await startDaemon(place), await startDaemon(place)];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const ids = await Promise.all(daemons.map(idOf));
  const runIds: string[] = [];
  for (let i = 0; i < RUNS; i++) runIds.push(await startRun(daemons[0]!.api, place, waiting(`run${i}`)));
  for (let i = 0; i < RUNS; i++) await pidIn(join(place.folder, `run${i}.pid`));
  const centre = String(rowsOf(place.home, 'leases').find(({ kind }) => kind === 'centre')?.holder);
  // The one that is the centre, so that this changes hands too.
  const [frozen, other] = ids[0] === centre ? daemons : daemons.toReversed();
  const otherId = ids.find((id) => id !== centre)!;
  frozen!.freeze();
  for (const runId of runIds) await isOwned(other!.api, runId, { is: otherId });
  await until('the other one is the centre', () =>
    rowsOf(place.home, 'leases').some(({ kind, holder }) => kind === 'centre' && holder === otherId),
  );
  // Half of them end while it stands still, and half when it is back.
  for (let i = 0; i < RUNS / 2; i++) letGo(place, `run${i}`);
  for (const runId of runIds.slice(0, RUNS / 2)) await endedWell(other!.api, runId);
  frozen!.thaw();
  await seesManagers(other!, 2);
  await seesManagers(frozen!, 2);
  for (let i = RUNS / 2; i < RUNS; i++) letGo(place, `run${i}`);
  for (const runId of runIds) {
    const events = await endedWell(frozen!.api, runId);
    assert.ok(events.length > 0);
    if (events.some(({ event }) => event.case === 'runAdopted'))
      assert.ok(ownersOf(events).includes(otherId));
  }
  // It has its share of what is new.
  await until('both own runs again', async () => {
    const name = `new${runIds.length}`;
    const runId = await startRun(other!.api, place, waiting(name));
    runIds.push(runId);
    const owner = await isOwned(other!.api, runId, {});
    letGo(place, name);
    await endedWell(other!.api, runId);
    return owner === centre;
  });
  await Promise.all(daemons.map((daemon) => daemon.stop()));
});
