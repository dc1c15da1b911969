/** The clock of one of two managers is set an hour back, right again, and an hour forward. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { startDaemon, startRun } from '../daemon.ts';
import { rowsOf } from '../e2e/left-behind.ts';
import { type Place, placeFor, until } from '../e2e/place.ts';
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
import { groundOn } from './ground.fixture.ts';

const postgres = postgresForTests();

const HOUR_MS = 3_600_000;
const OFFS = [-HOUR_MS, 0, HOUR_MS];
/** Heartbeats for which a clock stays as it is; what is decided by comparing times is decided at the next one. */
const BEATS = 3;
const RUNS = 4;

/** Rows of the managers that there are. */
type ManagerRows = () => Promise<Record<string, unknown>[]>;

async function clockIsSet(place: Place, managers: ManagerRows): Promise<void> {
  const preload = pathToFileURL(join(import.meta.dirname, 'clock.fixture.ts')).href;
  const env = { NODE_OPTIONS: `--import ${preload}`, CLOCK_OFFS: OFFS.join(), WIZ_SLOTS: '16' };
  const daemons = [await startDaemon(place, { env }), await startDaemon(place, { env })];
  for (const daemon of daemons) await seesManagers(daemon, 2);
  const [set, other] = [daemons[0]!, daemons[1]!];
  const ids = await Promise.all(daemons.map(idOf));

  /** Waits until both managers beat so many times more. */
  async function beats(count: number): Promise<void> {
    for (const id of ids) {
      const seen = new Set<unknown>();
      await until(`${count} heartbeats of ${id}`, async () => {
        for (const row of await managers()) if (row.manager_id === id) seen.add(row.heartbeat_ms);
        return seen.size > count;
      });
    }
  }

  const owners = new Map<string, string>();
  const names: string[] = [];
  for (let n = 0; n < RUNS; n += 1) {
    const name = `run${n}`;
    const runId = await startRun(daemons[n % 2]!.api, place, waiting(name));
    await pidIn(join(place.folder, `${name}.pid`));
    owners.set(runId, await isOwned(other.api, runId, {}));
    names.push(name);
  }
  const short: string[] = [];
  for (const [n, offMs] of OFFS.entries()) {
    set.process.child.kill('SIGUSR2');
    await until('the clock is set', () => set.process.stderr.split('the clock is off by').length === n + 2);
    assert.match(set.process.stderr, new RegExp(`the clock is off by ${offMs} ms`));
    await beats(BEATS);
    for (const [m, daemon] of daemons.entries()) {
      const name = `new${n}${m}`;
      letGo(place, name);
      short.push(await startRun(daemon.api, place, waiting(name)));
    }
    for (const runId of short) await endedWell(other.api, runId);
    for (const [runId, owner] of owners) await isOwned(other.api, runId, { is: owner });
  }
  for (const name of names) letGo(place, name);
  for (const runId of [...owners.keys(), ...short]) {
    const events = await endedWell(other.api, runId);
    // Whoever starts a run may give it to its owner, before it begins.
    const begun = events.findIndex(({ event }) => event.case === 'attemptStarted');
    assert.deepEqual(ownersOf(events.slice(begun)), [], `nobody took ${runId} over`);
  }
  for (const daemon of daemons) {
    assert.doesNotMatch(daemon.process.stderr, /taken for dead/);
    await daemon.stop();
  }
}

const STORES: [store: string, ground: (t: TestContext) => Promise<[Place, ManagerRows]>][] = [
  [
    'SQLite',
    async (t) => {
      const place = placeFor(t);
      return [place, async () => rowsOf(place.home, 'managers')];
    },
  ],
  [
    'PostgreSQL',
    async (t) => {
      const { place, rows } = await groundOn(t, await postgres());
      return [place, () => rows('SELECT * FROM wiz.managers')];
    },
  ],
];
for (const [store, ground] of STORES) {
  test(`${store}: a clock goes back and forward by an hour: no run changes hands, new ones end, nothing is held`, async (t) => {
    await clockIsSet(...(await ground(t)));
  });
}
