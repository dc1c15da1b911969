import type { NewSchedule, ScheduleChange, ScheduleRow } from '../schedules.ts';
import type { Connection, Row } from './connection.ts';
import { createStatement } from './create-runs.ts';
import { clean, texts } from './literals.ts';

const COLUMNS = `pipeline, version, name, definition, time_zone AS "timeZone", paused,
  paused_by_file AS "pausedByFile", next_ms AS "nextMs", waiting, last_ms AS "lastMs", last_run_id AS "lastRunId",
  last_outcome AS "lastOutcome", revision`;
/** See sqlite/schedules.ts: one whose definition is the same goes on as it was. */
const PUT = `INSERT INTO schedules AS s (pipeline, version, name, definition, time_zone, paused, paused_by_file, next_ms,
    waiting, last_ms, last_run_id, last_outcome, revision)
  VALUES ($1, $2, $3, $4, $5, $6, $6, $7, '[]', 0, '', '', 1)
  ON CONFLICT (pipeline, name) DO UPDATE SET version = excluded.version, revision = s.revision + 1,
    paused = CASE WHEN s.paused_by_file = excluded.paused_by_file THEN s.paused ELSE excluded.paused END,
    paused_by_file = excluded.paused_by_file,
    next_ms = CASE WHEN s.definition = excluded.definition AND s.time_zone = excluded.time_zone THEN s.next_ms
      ELSE excluded.next_ms END,
    waiting = CASE WHEN s.definition = excluded.definition THEN s.waiting ELSE '[]' END,
    definition = excluded.definition, time_zone = excluded.time_zone`;
const DROP_OTHERS = 'DELETE FROM schedules WHERE pipeline = $1 AND name <> ALL ($2::text[])';
const ADVANCE = `UPDATE schedules SET next_ms = $1, waiting = $2, paused = $3, last_ms = $4, last_run_id = $5,
  last_outcome = $6, revision = revision + 1 WHERE pipeline = $7 AND name = $8 AND revision = $9 RETURNING 1`;
const ADVANCED = `SELECT 1 FROM schedules WHERE next_ms = $1 AND waiting = $2 AND paused = $3 AND last_ms = $4
  AND last_run_id = $5 AND last_outcome = $6 AND pipeline = $7 AND name = $8 AND revision = $9 + 1`;
// Held until the end of the transaction: nobody takes the lease in between.
const HOLDS = 'SELECT epoch FROM leases WHERE kind = $1 AND key = $2 AND holder = $3 FOR SHARE';

/** Inside a transaction: those of the newest version take the place of those before. */
export async function replaceSchedules(
  query: Connection['query'],
  pipeline: string,
  version: number,
  schedules: readonly NewSchedule[],
): Promise<void> {
  await query(DROP_OTHERS, [pipeline, texts(schedules.map(({ name }) => name))]);
  for (const { name, definition, timeZone, paused, nextMs } of schedules) {
    await query(PUT, [pipeline, version, name, clean(definition), timeZone, paused, nextMs]);
  }
}

/** Inside a transaction. */
export async function dropSchedules(query: Connection['query'], pipeline: string): Promise<void> {
  await query('DELETE FROM schedules WHERE pipeline = $1', [pipeline]);
}

export async function listSchedules(
  connection: Connection,
  pipeline: string | undefined,
): Promise<ScheduleRow[]> {
  const rows = await connection.query(
    `SELECT ${COLUMNS} FROM schedules WHERE pipeline = coalesce($1, pipeline) ORDER BY pipeline, name`,
    [pipeline ?? null],
  );
  return rows.map(rowOf);
}

export async function dueSchedules(connection: Connection, nowMs: number): Promise<ScheduleRow[]> {
  const rows = await connection.query(
    `SELECT ${COLUMNS} FROM schedules WHERE NOT paused AND (next_ms <= $1 OR waiting <> '[]')
     ORDER BY next_ms, pipeline, name`,
    [nowMs],
  );
  return rows.map(rowOf);
}

export async function nextScheduleMs(connection: Connection): Promise<number | undefined> {
  const [row] = await connection.query('SELECT min(next_ms) AS at FROM schedules WHERE NOT paused');
  return (row?.at as number | null) ?? undefined;
}

export function advanceSchedule(connection: Connection, change: ScheduleChange): Promise<boolean> {
  const { pipeline, name, revision, fence, set, runs } = change;
  const values = [
    set.nextMs,
    JSON.stringify(set.waiting),
    set.paused,
    set.lastMs,
    set.lastRunId,
    clean(set.lastOutcome),
    pipeline,
    name,
    revision,
  ];
  return connection.patiently(async (tries) => {
    // The answer to an earlier try may have been lost.
    if (tries > 0 && (await connection.once.query(ADVANCED, values)).length > 0) return true;
    return connection.once.transaction(async (query) => {
      if (fence !== undefined) {
        const [held] = await query(HOLDS, [fence.kind, fence.key, fence.holder]);
        if (held === undefined || (fence.epoch !== undefined && held.epoch !== fence.epoch)) return false;
      }
      if ((await query(ADVANCE, values)).length === 0) return false;
      if (runs.length > 0) {
        const { text, values } = createStatement(connection.storeId, runs);
        await query(text, values);
      }
      return true;
    });
  });
}

function rowOf(row: Row): ScheduleRow {
  return { ...(row as unknown as ScheduleRow), waiting: JSON.parse(row.waiting as string) as number[] };
}
