import { desc, eq, getTableColumns, type SQL } from 'drizzle-orm';
import { WizError } from '../../../proto/error.ts';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { prefixCondition, runCondition } from '../run-filter.ts';
import type { RunFilter, RunRow } from '../store.ts';
import { notify } from './changes.ts';
import type { Connection } from './connection.ts';
import { clean } from './literals.ts';
import { runs } from './schema.ts';

export async function getRun(connection: Connection, runId: string): Promise<RunRow | undefined> {
  return (await selectRuns(connection, eq(runs.runId, runId), 1))[0];
}

export function findRuns(connection: Connection, prefix: string, limit: number): Promise<RunRow[]> {
  if (prefix === 'latest') return selectRuns(connection, undefined, Math.min(limit, 1));
  return selectRuns(connection, prefixCondition(runs, prefix), limit);
}

export function listRuns(connection: Connection, filter: RunFilter): Promise<RunRow[]> {
  return selectRuns(connection, runCondition(runs, filter), filter.limit);
}

function selectRuns(connection: Connection, condition: SQL | undefined, limit: number): Promise<RunRow[]> {
  const { claim: _, shard: __, ...columns } = getTableColumns(runs);
  return connection.ask((db) =>
    db.select(columns).from(runs).where(condition).orderBy(desc(runs.runId)).limit(limit),
  );
}

/** Commands for a run wait until its owner takes them; see commit-statement.ts for those that come too late. */
export function sendCommand(
  connection: Connection,
  runId: string,
  kind: string,
  message: string,
): Promise<void> {
  return connection.transaction(async (query) => {
    // The row is locked, so that the run does not end in between.
    const [row] = await query('SELECT state FROM runs WHERE run_id = $1 FOR SHARE', [runId]);
    if (row === undefined) throw new WizError('not_found', `There is no run ${runId}.`);
    if (row.state !== RunState.RUNNING) throw new WizError('failed_precondition', `Run ${runId} has ended.`);
    await query('INSERT INTO commands (run_id, kind, message) VALUES ($1, $2, $3)', [
      runId,
      kind,
      clean(message),
    ]);
    await notify(query, connection.storeId, { kind: 'commands' });
  });
}
