import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { type DaemonApi, watchToEnd } from '../daemon.ts';
import { type Place, placeFor, until } from '../e2e/place.ts';
import { checkJournal } from '../managers/several.fixture.ts';
import type { PostgresServer } from '../postgres.ts';

/** What the tests of bad luck under daemons share. */

export interface Ground {
  place: Place;
  /** Address of the database. */
  store: string;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Nobody holds anything in the store: no run, no permit, no centre; to be called when the daemons have ended. */
  nothingHeld(): Promise<void>;
}

/** A place whose store is a new database. */
export async function groundOn(t: TestContext, server: PostgresServer): Promise<Ground> {
  const place = placeFor(t);
  const store = await server.newDatabase();
  const database = new URL(store).pathname.slice(1);
  place.environment.WIZ_STORE = store;
  // Without what the driver tells beside the rows.
  const rows = async (sql: string) => Array.from(await server.execute(sql, database));
  return {
    place,
    store,
    rows,
    async nothingHeld() {
      assert.deepEqual(
        await rows('SELECT run_id, manager_id FROM wiz.runs WHERE manager_id IS NOT NULL'),
        [],
      );
      assert.deepEqual(await rows("SELECT * FROM wiz.leases WHERE kind <> 'prune'"), []);
      assert.deepEqual(await rows('SELECT run_id FROM wiz.commands'), []);
    },
  };
}

/** The lines that programs left, as often as they did. */
export function countsOf(place: Place): Map<string, number> {
  const file = join(place.folder, 'counts');
  const counts = new Map<string, number>();
  if (!existsSync(file)) return counts;
  for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return counts;
}

/** All runs of the store, whichever page they are on. */
export async function allRuns(api: DaemonApi): Promise<{ runId: string; state: RunState }[]> {
  const all: { runId: string; state: RunState }[] = [];
  for (let pageToken = ''; ; ) {
    const { runs, nextPageToken } = await api.runs.listRuns({ pageSize: 500, pageToken });
    all.push(...runs.map(({ runId, state }) => ({ runId, state })));
    if (nextPageToken === '') return all;
    pageToken = nextPageToken;
  }
}

/**
 * The run succeeded; in its journal no attempt stands twice, and of each processor one attempt succeeded: the last. One
 * that did not was lost, which is no fault of the program's.
 */
export async function countedOnce(
  api: DaemonApi,
  runId: string,
  processors: readonly string[],
): Promise<Event[]> {
  const { events, state } = await watchToEnd(api, runId);
  const told = () =>
    `${runId}\n${events.map(({ seq, event }) => `${seq} ${event.case} ${JSON.stringify(event.value, (key, value) => (key === 'specJson' || key === '$typeName' ? undefined : typeof value === 'bigint' ? `${value}` : value))}`).join('\n')}`;
  assert.equal(state, RunState.SUCCEEDED, told());
  checkJournal(events, runId);
  const succeeded: string[] = [];
  const started = new Set<string>();
  for (const { event } of events) {
    if (event.case === 'attemptStarted') started.add(`${event.value.processor}#${event.value.attempt}`);
    if (event.case !== 'attemptEnded') continue;
    const { processor, attempt, reason, failureClass } = event.value.report!;
    assert.ok(started.delete(`${processor}#${attempt}`), `${processor}#${attempt} ended once, of ${told()}`);
    if (reason === '') succeeded.push(processor);
    else assert.equal(failureClass, FailureClass.INFRA, told());
  }
  assert.deepEqual([...started], [], `attempts without an end, of ${told()}`);
  assert.deepEqual(succeeded.sort(), [...processors].sort(), told());
  return events;
}

/** What the programs of an attempt wrote, as it is kept. */
export async function logOf(api: DaemonApi, runId: string, processor: string): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { chunks } of api.runs.streamLogs({ runId, processor })) {
    for (const { data } of chunks) parts.push(data);
  }
  return Buffer.concat(parts).toString();
}

/** Waits until no run of the store goes on, while calls may fail; or something else makes that vain. */
export async function allEnded(api: DaemonApi, isVain = () => false): Promise<void> {
  let left = 'nobody answered';
  await until('every run has ended', async () => {
    try {
      const running = (await allRuns(api)).filter(({ state }) => state === RunState.RUNNING);
      left = running.map(({ runId }) => runId).join();
    } catch (error) {
      left = String(error);
    }
    return left === '' || isVain();
  }).catch((error) => {
    error.message += ` (${left.slice(0, 500)})`;
    throw error;
  });
}
