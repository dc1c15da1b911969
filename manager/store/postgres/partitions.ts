import { firstIdAt } from '../../../proto/ids.ts';
import { PARTITION_STORAGE, PARTITIONED } from './storage.ts';

/**
 * The journal and the logs are kept in a table for each week, by the time that the ids of runs begin with: retention
 * takes whole weeks away at once, and nothing that was deleted in one is in the way of the others. What belongs to no
 * such week (an id made with a clock that is far off) is kept in a table of its own.
 */

const WEEK_MS = 7 * 24 * 3600 * 1000;

export interface Week {
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

/** What makes the tables for this week and the next, where they are not there yet. */
export function partitionStatements(nowMs: number): string[] {
  const weeks = [weekOf(nowMs), weekOf(nowMs + WEEK_MS)];
  return PARTITIONED.flatMap((table) => [
    `CREATE TABLE IF NOT EXISTS ${table}_others PARTITION OF ${table} DEFAULT ${PARTITION_STORAGE}`,
    ...weeks.map(
      ({ name, from, to }) =>
        `CREATE TABLE IF NOT EXISTS ${table}_${name} PARTITION OF ${table}
           FOR VALUES FROM ('${from}') TO ('${to}') ${PARTITION_STORAGE}`,
    ),
  ]);
}

/** The name of the last table that partitionStatements make: when it is there, all are. */
export function lastPartition(nowMs: number): string {
  return `${PARTITIONED.at(-1)}_${weekOf(nowMs + WEEK_MS).name}`;
}
