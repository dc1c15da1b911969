import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { checkCentre } from './centre.ts';
import { notify } from './changes.ts';
import type { Connection, Query } from './connection.ts';
import { texts } from './literals.ts';
import { dropEmptyWeeks } from './partitions.ts';
import { dropRecords, dropUnusedColumns } from './records.ts';
import { PARTITIONED } from './storage.ts';

/** Runs of one transaction. */
const AT_ONCE = 500;

/** Those that nobody holds, locked so that nobody takes them; a run that somebody holds is about to be gone on with. */
const DELETABLE = `SELECT run_id FROM runs WHERE run_id = ANY ($1::text[]) AND state <> ${RunState.RUNNING}
  AND manager_id IS NULL ORDER BY run_id FOR UPDATE`;
const THERE = 'SELECT run_id FROM runs WHERE run_id = ANY ($1::text[])';
const STATEMENTS = [
  ...PARTITIONED.map((table) => `DELETE FROM ${table} WHERE run_id = ANY ($1::text[])`),
  'DELETE FROM commands WHERE run_id = ANY ($1::text[])',
  "DELETE FROM leases WHERE kind = 'limit' AND run_id = ANY ($1::text[])",
  'DELETE FROM cache_entries WHERE run_id = ANY ($1::text[])',
  'DELETE FROM file_links WHERE run_id = ANY ($1::text[])',
  `DELETE FROM delivery_tries WHERE delivery_id IN
    (SELECT delivery_id FROM deliveries WHERE run_id = ANY ($1::text[]))`,
  'DELETE FROM deliveries WHERE run_id = ANY ($1::text[])',
  'DELETE FROM runs WHERE run_id = ANY ($1::text[])',
];

/** Each run goes whole or stays. */
export async function deleteRuns(
  connection: Connection,
  runIds: string[],
  centreEpoch?: number,
): Promise<string[]> {
  const deleted: string[] = [];
  for (let at = 0; at < runIds.length; at += AT_ONCE) {
    deleted.push(...(await deleteSome(connection, runIds.slice(at, at + AT_ONCE), centreEpoch)));
  }
  if (deleted.length > 0) await dropEmptyWeeks(connection, Date.now());
  return deleted;
}

async function deleteSome(connection: Connection, runIds: string[], centreEpoch?: number): Promise<string[]> {
  const there = await idsOf(connection.query, THERE, runIds);
  return connection.patiently(async (tries) => {
    const deleted = await connection.once.transaction(async (query) => {
      if (centreEpoch !== undefined) await checkCentre(query, centreEpoch);
      const ids = await idsOf(query, DELETABLE, runIds);
      if (ids.length === 0) return ids;
      if (await dropRecords(query, ids)) await dropUnusedColumns(query);
      for (const statement of STATEMENTS) await query(statement, [texts(ids)]);
      await notify(query, connection.storeId, { kind: 'runs', runIds: ids });
      return ids;
    });
    if (tries === 0) return deleted;
    // The answer to an earlier try may have been lost.
    const left = new Set(await idsOf(connection.query, THERE, runIds));
    return there.filter((runId) => !left.has(runId));
  });
}

async function idsOf(query: Query, text: string, runIds: string[]): Promise<string[]> {
  return (await query(text, [texts(runIds)])).map((row) => row.run_id as string);
}
