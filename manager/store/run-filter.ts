import { and, eq, gte, inArray, lt, lte, type SQL, type SQLWrapper } from 'drizzle-orm';
import type { RunFilter } from './store.ts';

/** The columns that runs are chosen by, of whichever store. */
type Columns = Record<'runId' | 'pipeline' | 'state', SQLWrapper>;

/** Sorts after every id. */
const LAST = '\u{10ffff}';

export function prefixCondition(runs: Columns, prefix: string): SQL | undefined {
  return and(gte(runs.runId, prefix), lte(runs.runId, prefix + LAST));
}

/** Undefined: all runs. */
export function runCondition(runs: Columns, filter: Omit<RunFilter, 'limit'>): SQL | undefined {
  const { pipeline, states = [], beforeRunId } = filter;
  const conditions: SQL[] = [];
  if (pipeline !== undefined) conditions.push(eq(runs.pipeline, pipeline));
  if (states.length > 0) conditions.push(inArray(runs.state, states));
  if (beforeRunId !== undefined) conditions.push(lt(runs.runId, beforeRunId));
  return and(...conditions);
}
