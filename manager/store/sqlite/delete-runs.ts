import { setImmediate as turn } from 'node:timers/promises';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { checkCentre } from './centre.ts';
import type { Connection } from './connection.ts';
import { dropDeliveries } from './deliveries.ts';
import { dropRecords, dropUnusedColumns } from './records.ts';

/** Milliseconds for which one transaction goes on with the next run: other writers, and this process, wait for it. */
const BATCH_MS = 50;

/** A run that somebody holds is about to be gone on with. */
const DELETABLE = `SELECT 1 FROM runs WHERE run_id = ? AND state <> ${RunState.RUNNING}
  AND NOT EXISTS (SELECT 1 FROM leases WHERE kind = 'run' AND key = runs.run_id)`;
const STATEMENTS = [
  'DELETE FROM batches WHERE run_id = ?',
  'DELETE FROM commands WHERE run_id = ?',
  "DELETE FROM leases WHERE kind = 'limit' AND run_id = ?",
  'DELETE FROM cache_entries WHERE run_id = ?',
  'DELETE FROM file_links WHERE run_id = ?',
  'DELETE FROM runs WHERE run_id = ?',
];

/** Each run goes whole or stays. Room in the file is used again; the file does not get smaller. */
export async function deleteRuns(
  connection: Connection,
  runIds: string[],
  centreEpoch?: number,
): Promise<string[]> {
  const deleted: string[] = [];
  let at = 0;
  while (at < runIds.length) {
    const some = await connection.write(() => {
      if (centreEpoch !== undefined) checkCentre(connection, centreEpoch);
      return deleteSome(connection, runIds, at);
    });
    deleted.push(...some.deleted);
    at = some.next;
    await turn();
  }
  return deleted;
}

/** At least one, from `at` on. */
function deleteSome(
  connection: Connection,
  runIds: string[],
  at: number,
): { deleted: string[]; next: number } {
  const deleted: string[] = [];
  const deadline = performance.now() + BATCH_MS;
  let next = at;
  let records = false;
  do {
    const runId = runIds[next]!;
    next += 1;
    if (connection.statement(DELETABLE).get(runId) === undefined) continue;
    if (dropRecords(connection, runId)) records = true;
    dropDeliveries(connection, runId);
    for (const statement of STATEMENTS) connection.statement(statement).run(runId);
    deleted.push(runId);
  } while (next < runIds.length && performance.now() < deadline);
  if (records) dropUnusedColumns(connection);
  return { deleted, next };
}
