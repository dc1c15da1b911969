/** A manager on PostgreSQL that stands still past its lease: another one goes on, and nothing that it does afterwards counts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { until } from '../e2e/place.ts';
import { pidIn } from '../e2e/programs.ts';
import {
  endedWell,
  idOf,
  isOwned,
  letGo,
  ownersOf,
  seesManagers,
  waiting,
} from '../managers/several.fixture.ts';
import { postgresForTests } from '../postgres.ts';
import { countedOnce, groundOn, logOf } from './ground.fixture.ts';

const postgres = postgresForTests();

/** Runs that the frozen manager loses at the least: some end while it stands still, some when it is back. */
const LOST = 4;
/** More runs than that are owned by one of two managers. */
const MOST = 16;

test('SIGSTOP past the lease, SIGCONT: every attempt counts once, and it writes nothing for what it lost', async (t) => {
  const ground = await groundOn(t, await postgres());
  const { place } = ground;
  const env = { WIZ_SLOTS: `${MOST}` };
  const daemons = [await startDaemon(place, { env }), await startDaemon(place, { env })];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const [frozen, other] = [daemons[0]!, daemons[1]!];
  const [frozenId, otherId] = [await idOf(frozen), await idOf(other)];

  const kept: string[] = [];
  const lost: string[] = [];
  const names = new Map<string, string>();
  while (lost.length < LOST) {
    const name = `run${names.size}`;
    assert.ok(names.size < MOST, `${frozenId} owns ${lost.length} of ${names.size} runs`);
    const runId = await startRun(daemons[names.size % 2]!.api, place, waiting(name));
    names.set(runId, name);
    await pidIn(join(place.folder, `${name}.pid`));
    const owner = await isOwned(other.api, runId, {});
    (owner === frozenId ? lost : kept).push(runId);
  }

  frozen.freeze();
  for (const runId of lost) await isOwned(other.api, runId, { is: otherId });
  await until('the other one is the centre', async () => {
    const [row] = await ground.rows("SELECT holder FROM wiz.leases WHERE kind = 'centre'");
    return row?.holder === otherId;
  });
  const early = lost.slice(0, LOST / 2);
  for (const runId of early) letGo(place, names.get(runId)!);
  const journals = new Map<string, unknown>();
  for (const runId of early) journals.set(runId, await endedWell(other.api, runId));

  frozen.thaw();
  for (const daemon of daemons) await seesManagers(daemon, 2);
  for (const runId of names.keys()) letGo(place, names.get(runId)!);
  for (const runId of names.keys()) {
    const events = await countedOnce(frozen.api, runId, ['wait', 'after']);
    await endedWell(other.api, runId);
    // Whoever starts a run may give it to its owner before it begins; the one that is back may claim some again.
    const begun = events.findIndex(({ event }) => event.case === 'attemptStarted');
    const [next] = ownersOf(events.slice(begun));
    assert.equal(next, lost.includes(runId) ? otherId : undefined, runId);
    assert.equal(await logOf(other.api, runId, 'wait'), 'went\n');
    assert.equal(await logOf(other.api, runId, 'after'), 'on\n');
  }
  for (const [runId, journal] of journals)
    assert.deepEqual((await watchToEnd(other.api, runId)).events, journal, `${runId} is as it ended`);
  t.diagnostic(`${lost.length} runs were lost, ${kept.length} kept`);
  for (const daemon of daemons) await daemon.stop();
  await ground.nothingHeld();
});
