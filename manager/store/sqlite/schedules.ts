import type { NewSchedule, ScheduleChange, ScheduleRow } from '../schedules.ts';
import type { Connection } from './connection.ts';
import { insertRun } from './runs.ts';

const COLUMNS = `pipeline, version, name, definition, time_zone AS timeZone, paused, paused_by_file AS pausedByFile,
  next_ms AS nextMs, waiting, last_ms AS lastMs, last_run_id AS lastRunId, last_outcome AS lastOutcome, revision`;
/** One whose definition is the same goes on as it was; being paused by hand goes on until the file says otherwise. */
const PUT = `INSERT INTO schedules (pipeline, version, name, definition, time_zone, paused, paused_by_file, next_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (pipeline, name) DO UPDATE SET version = excluded.version, revision = revision + 1,
    paused = CASE WHEN paused_by_file = excluded.paused_by_file THEN paused ELSE excluded.paused END,
    paused_by_file = excluded.paused_by_file,
    next_ms = CASE WHEN definition = excluded.definition AND time_zone = excluded.time_zone THEN next_ms
      ELSE excluded.next_ms END,
    waiting = CASE WHEN definition = excluded.definition THEN waiting ELSE '[]' END,
    definition = excluded.definition, time_zone = excluded.time_zone`;
const ADVANCE = `UPDATE schedules SET next_ms = ?, waiting = ?, paused = ?, last_ms = ?, last_run_id = ?,
  last_outcome = ?, revision = revision + 1 WHERE pipeline = ? AND name = ? AND revision = ?`;
const HOLDS = 'SELECT epoch FROM leases WHERE kind = ? AND key = ? AND holder = ?';

/** Inside a transaction: those of the newest version take the place of those before. */
export function replaceSchedules(
  connection: Connection,
  pipeline: string,
  version: number,
  schedules: readonly NewSchedule[],
): void {
  const names = JSON.stringify(schedules.map(({ name }) => name));
  connection
    .statement('DELETE FROM schedules WHERE pipeline = ? AND name NOT IN (SELECT value FROM json_each(?))')
    .run(pipeline, names);
  for (const { name, definition, timeZone, paused, nextMs } of schedules) {
    const flag = Number(paused);
    connection.statement(PUT).run(pipeline, version, name, definition, timeZone, flag, flag, nextMs);
  }
}

/** Inside a transaction. */
export function dropSchedules(connection: Connection, pipeline: string): void {
  connection.statement('DELETE FROM schedules WHERE pipeline = ?').run(pipeline);
}

export function listSchedules(connection: Connection, pipeline: string | undefined): ScheduleRow[] {
  return connection.read(() =>
    connection
      .statement(`SELECT ${COLUMNS} FROM schedules WHERE pipeline = ? OR ? IS NULL ORDER BY pipeline, name`)
      .all(pipeline ?? null, pipeline ?? null)
      .map(rowOf),
  );
}

export function dueSchedules(connection: Connection, nowMs: number): ScheduleRow[] {
  return connection.read(() =>
    connection
      .statement(
        `SELECT ${COLUMNS} FROM schedules WHERE NOT paused AND (next_ms <= ? OR waiting <> '[]')
         ORDER BY next_ms, pipeline, name`,
      )
      .all(nowMs)
      .map(rowOf),
  );
}

export function nextScheduleMs(connection: Connection): number | undefined {
  const row = connection.read(() =>
    connection.statement('SELECT min(next_ms) AS at FROM schedules WHERE NOT paused').get(),
  );
  return typeof row?.at === 'number' ? row.at : undefined;
}

export function advanceSchedule(connection: Connection, change: ScheduleChange): Promise<boolean> {
  const { pipeline, name, revision, fence, set, runs } = change;
  return connection.write(() => {
    if (fence !== undefined) {
      const { kind, key, holder, epoch } = fence;
      const held = connection.statement(HOLDS).get(kind, key, holder);
      if (held === undefined || (epoch !== undefined && Number(held.epoch) !== epoch)) return false;
    }
    const { changes } = connection
      .statement(ADVANCE)
      .run(
        set.nextMs,
        JSON.stringify(set.waiting),
        Number(set.paused),
        set.lastMs,
        set.lastRunId,
        set.lastOutcome,
        pipeline,
        name,
        revision,
      );
    if (changes === 0) return false;
    for (const { row, events, managerId, deliveries } of runs) {
      insertRun(connection, row, events, managerId, deliveries);
    }
    return true;
  });
}

function rowOf(row: Record<string, unknown>): ScheduleRow {
  return {
    ...(row as unknown as ScheduleRow),
    paused: row.paused === 1,
    pausedByFile: row.pausedByFile === 1,
    waiting: JSON.parse(String(row.waiting)) as number[],
  };
}
