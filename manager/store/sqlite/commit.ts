import { WizError } from '../../../proto/error.ts';
import { type Event, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { alreadyStored, checkNumbers } from '../batches.ts';
import type { CommitResult, LimitChanges, RunCommit, RunRow } from '../store.ts';
import { passOnCacheEntries, putCacheEntries } from './cache.ts';
import type { Connection } from './connection.ts';
import { addDeliveries } from './deliveries.ts';
import { addFileLinks } from './file-links.ts';
import { appendEvents, readBatches } from './journal.ts';
import { replaceRecords } from './records.ts';

/**
 * The hot path: everything that happened in a tick, in one transaction.
 *
 * Fence, numbering and row are one statement: it changes a row only while the lease is the committer's and the
 * journal ends where the events begin; only when it changed none is the reason looked for.
 *
 * Two statements a run, as text: a Drizzle query costs 40 to 80 us to build, these 5 to run. Measured with
 * synchronous=FULL on two cores, protobuf included (0.7 us an event): batches of 1 / 16 / 64 / 512 / 4,000
 * commit in 0.13 / 0.16 / 0.19 / 0.55 / 3.2 ms, which is 6,000 / 80,000 / 270,000 / 600,000 / 850,000 events
 * a second. A 4 MB checkpoint now and then takes 15 to 30 ms.
 */
const UPDATE = `UPDATE runs SET state = ?, reason = ?, message = ?, ended_ms = ?, idle = ?, running = ?,
  failed = ?, succeeded = ?, warnings = ?, cancel_requested = ?, seq = ?
  WHERE run_id = ? AND seq = ? AND EXISTS
    (SELECT 1 FROM leases WHERE kind = 'run' AND key = runs.run_id AND holder = ? AND leases.epoch = ?)`;
const OWNER = `SELECT holder, runs.epoch, seq, state FROM runs
  LEFT JOIN leases ON leases.kind = 'run' AND leases.key = runs.run_id WHERE runs.run_id = ?`;
const OWN_AGAIN = "INSERT INTO leases (kind, key, holder, epoch) VALUES ('run', ?, ?, ?)";
const FREE_LIMITS = "DELETE FROM leases WHERE kind = 'limit' AND run_id = ?";
const FREE_RUN = "DELETE FROM leases WHERE kind = 'run' AND key = ?";
const DROP_COMMANDS = 'DELETE FROM commands WHERE run_id = ?';
const LIMIT_RUN = "SELECT run_id AS runId FROM leases WHERE kind = 'limit' AND key = ? AND holder = ?";
const RELEASE = "DELETE FROM leases WHERE kind = 'limit' AND key = ? AND holder = ?";
const ACQUIRE =
  "INSERT INTO leases (kind, key, holder, run_id) VALUES ('limit', ?, ?, ?) ON CONFLICT DO NOTHING";
const HOLDERS = "SELECT count(*) AS n FROM leases WHERE kind = 'limit' AND key = ?";

export function commit(
  connection: Connection,
  runs: RunCommit[],
  limits: LimitChanges,
): Promise<CommitResult> {
  return connection.write((undo) => {
    const fenced = new Set<string>();
    for (const change of runs) {
      const { row, events } = change;
      if (fenced.has(row.runId)) continue;
      const stored = commitRun(connection, row, events);
      if (stored === 'fenced') fenced.add(row.runId);
      else if (stored < events.length || events.length === 0) commitData(connection, change, stored > 0);
    }
    const exceeded = changeLimits(connection, limits, fenced);
    if (exceeded.length > 0) undo();
    return { fenced: [...fenced], exceeded };
  });
}

/** How many of the events were there already; `fenced` when another manager owns the run, or none. */
function commitRun(connection: Connection, row: RunRow, events: Event[]): number | 'fenced' {
  const before = row.seq - events.length;
  checkNumbers(row.runId, events, before);
  if (updateRow(connection, row, before)) {
    appendEvents(connection, row.runId, events);
    if (row.state !== RunState.RUNNING) free(connection, row.runId);
    return 0;
  }
  const { holder, epoch, seq, state } = connection.statement(OWNER).get(row.runId) ?? {};
  const isOwn = row.managerId !== null && holder === row.managerId && epoch === row.epoch;
  // It ended in an earlier try of this commit, which freed it; nobody has taken it since.
  const wasOwn =
    row.managerId !== null && holder === null && epoch === row.epoch && state !== RunState.RUNNING;
  const stored =
    isOwn || wasOwn
      ? alreadyStored(events, Number(seq), readBatches(connection, row.runId, before))
      : undefined;
  if (stored === undefined) {
    if (!isOwn) return 'fenced';
    throw new WizError('internal', `The journal of run ${row.runId} ends at ${seq}, not at ${before}.`);
  }
  if (stored === events.length) return stored;
  if (!isOwn) connection.statement(OWN_AGAIN).run(row.runId, row.managerId, row.epoch);
  commitRun(connection, row, events.slice(stored));
  return stored;
}

function updateRow(connection: Connection, row: RunRow, before: number): boolean {
  const { changes } = connection
    .statement(UPDATE)
    .run(
      row.state,
      row.reason,
      row.message,
      row.endedMs,
      row.idle,
      row.running,
      row.failed,
      row.succeeded,
      JSON.stringify(row.warnings),
      row.cancelRequested ? 1 : 0,
      row.seq,
      row.runId,
      before,
      row.managerId,
      row.epoch,
    );
  return changes > 0;
}

/** What ended holds nothing, whatever else went wrong; and an old cancel does not reach a resumed run. */
function free(connection: Connection, runId: string): void {
  connection.statement(FREE_LIMITS).run(runId);
  connection.statement(FREE_RUN).run(runId);
  connection.statement(DROP_COMMANDS).run(runId);
}

/** What the run leaves beside its journal. Measured for 10,000 in one commit: cache entries 120 ms (most of it protobuf)
 *  and 40 ms when they are used again, file links 30 ms (60 ms with 30,000 there), records of five columns 35 ms. */
function commitData(connection: Connection, change: RunCommit, again: boolean): void {
  const { row, events, cacheEntries, reusedKeys, fileLinks, records, deliveries } = change;
  if (cacheEntries !== undefined) putCacheEntries(connection, cacheEntries);
  if (reusedKeys !== undefined) passOnCacheEntries(connection, row.runId, reusedKeys);
  if (fileLinks !== undefined) addFileLinks(connection, row.runId, fileLinks, again);
  if (deliveries !== undefined) addDeliveries(connection, deliveries);
  if (records === undefined) return;
  replaceRecords(connection, row, records, events.at(-1)?.unixMs ?? row.createdMs);
}

/** Returns the keys that would have too many holders. Changes of fenced runs are left out: the new owner decides. */
function changeLimits(connection: Connection, limits: LimitChanges, fenced: Set<string>): string[] {
  for (const { key, holder } of limits.release) {
    const runId = fenced.size === 0 ? undefined : connection.statement(LIMIT_RUN).get(key, holder)?.runId;
    if (!fenced.has(String(runId))) connection.statement(RELEASE).run(key, holder);
  }
  const grown = new Set<string>();
  for (const { key, holder, runId } of limits.acquire) {
    if (fenced.has(runId)) continue;
    if (limits.max[key] === undefined) throw new WizError('internal', `The limit ${key} has no maximum.`);
    if (connection.statement(ACQUIRE).run(key, holder, runId).changes > 0) grown.add(key);
  }
  return [...grown].filter((key) => Number(connection.statement(HOLDERS).get(key)?.n) > limits.max[key]!);
}
