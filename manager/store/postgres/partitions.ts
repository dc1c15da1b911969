import { firstIdAt } from '../../../proto/ids.ts';
import type { Connection, Query } from './connection.ts';
import { codeOf } from './errors.ts';
import { texts } from './literals.ts';
import { PARTITION_STORAGE, PARTITIONED } from './storage.ts';

/**
 * The journal and the logs are kept in a table for each week, by the time that the ids of runs begin with: retention
 * takes whole weeks away at once, and nothing that was deleted in one is in the way of the others. What belongs to no
 * such week (an id made with a clock that is far off) is kept in a table of its own.
 */

const WEEK_MS = 7 * 24 * 3600 * 1000;

interface Week {
  /** Of its first day: 20261123. */
  name: string;
  /** Ids from the first on, and before the second. */
  from: string;
  to: string;
  endMs: number;
}

export function weekOf(ms: number): Week {
  // 1970 began on a Thursday; weeks begin on Mondays.
  const offset = 4 * 24 * 3600 * 1000;
  const startMs = Math.floor((ms - offset) / WEEK_MS) * WEEK_MS + offset;
  const endMs = startMs + WEEK_MS;
  return {
    name: new Date(startMs).toISOString().slice(0, 10).replaceAll('-', ''),
    from: firstIdAt(startMs),
    to: firstIdAt(endMs),
    endMs,
  };
}

/** What makes the tables for this week and the next, where they are not there yet. A week of which there are rows among the
 *  others already (of a clock that was ahead) has none: all of it is kept there. */
export function partitionStatements(nowMs: number): string[] {
  const weeks = [weekOf(nowMs), weekOf(nowMs + WEEK_MS)];
  return PARTITIONED.flatMap((table) => [
    `CREATE TABLE IF NOT EXISTS ${table}_others PARTITION OF ${table} DEFAULT ${PARTITION_STORAGE}`,
    ...weeks.map(
      ({ name, from, to }) =>
        `DO $week$ BEGIN
           CREATE TABLE IF NOT EXISTS ${table}_${name} PARTITION OF ${table}
             FOR VALUES FROM ('${from}') TO ('${to}') ${PARTITION_STORAGE};
         EXCEPTION WHEN check_violation THEN NULL; END $week$`,
    ),
  ]);
}

/** The name of the last table that partitionStatements make: when it is there, all are that can be. */
export function lastPartition(nowMs: number): string {
  return `${PARTITIONED.at(-1)}_${weekOf(nowMs + WEEK_MS).name}`;
}

const DAYS = `SELECT DISTINCT substring(c.relname FROM '_(\\d{8})$') AS day
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
  WHERE i.inhparent = ANY ($1::regclass[]) AND c.relname ~ '_\\d{8}$' ORDER BY 1`;
const HAS_RUNS = 'SELECT 1 FROM runs WHERE run_id >= $1 AND run_id < $2 LIMIT 1';
/** Dropping a table waits for who reads it, and all others wait behind: rather another time. */
const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '200ms'";
const LOCKED = '55P03';

/** Takes the tables away of weeks that are over and have no run any more: at once, with nothing left to vacuum. */
export async function dropEmptyWeeks(connection: Connection, nowMs: number): Promise<void> {
  for (const { day } of await connection.query(DAYS, [texts(PARTITIONED)])) {
    const week = weekOf(Date.parse((day as string).replace(/^(....)(..)/, '$1-$2-')));
    // An id is made by the clock of a manager, which may be behind.
    if (week.endMs + WEEK_MS > nowMs || (await hasRuns(connection.query, week))) continue;
    await drop(connection, week);
  }
}

async function drop(connection: Connection, week: Week): Promise<void> {
  try {
    await connection.once.transaction(async (query) => {
      await query(LOCK_TIMEOUT);
      if (await hasRuns(query, week)) return;
      for (const table of PARTITIONED) await query(`DROP TABLE IF EXISTS ${table}_${week.name}`);
    });
  } catch (error) {
    if (codeOf(error) !== LOCKED) throw error;
  }
}

async function hasRuns(query: Query, { from, to }: Week): Promise<boolean> {
  return (await query(HAS_RUNS, [from, to])).length > 0;
}
