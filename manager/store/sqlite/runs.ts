import { and, desc, eq, getTableColumns, type SQL } from 'drizzle-orm';
import { WizError } from '../../../proto/error.ts';
import { type Event, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { alreadyStored, checkNumbers } from '../batches.ts';
import type { NewDelivery } from '../deliveries.ts';
import { prefixCondition, runCondition } from '../run-filter.ts';
import { shardOf } from '../shard.ts';
import type { RunFilter, RunRow } from '../store.ts';
import type { Connection } from './connection.ts';
import { addDeliveries } from './deliveries.ts';
import { isConstraint } from './errors.ts';
import { appendEvents, readBatches } from './journal.ts';
import { leases, runs } from './schema.ts';

export function createRun(
  connection: Connection,
  row: RunRow,
  events: Event[],
  managerId: string | null,
  deliveries: readonly NewDelivery[],
): Promise<void> {
  return connection.write(() => insertRun(connection, row, events, managerId, deliveries));
}

/** Inside a transaction. */
export function insertRun(
  connection: Connection,
  row: RunRow,
  events: Event[],
  managerId: string | null,
  deliveries: readonly NewDelivery[],
): void {
  checkNumbers(row.runId, events, row.seq - events.length);
  const { managerId: _, ...columns } = row;
  try {
    connection.db
      .insert(runs)
      .values({ ...columns, epoch: 1, shard: shardOf(row.runId) })
      .run();
  } catch (error) {
    if (!isConstraint(error)) throw error;
    if (isSame(connection, row, events, managerId)) return;
    throw new WizError('already_exists', `There is a run ${row.runId} already.`, { cause: error });
  }
  appendEvents(connection, row.runId, events);
  addDeliveries(connection, deliveries);
  if (managerId !== null) {
    connection.db.insert(leases).values({ kind: 'run', key: row.runId, holder: managerId, epoch: 1 }).run();
  }
}

/** It was created just so, and nothing has been done with it. */
function isSame(connection: Connection, row: RunRow, events: Event[], managerId: string | null): boolean {
  const found = getRun(connection, row.runId);
  if (found?.epoch !== 1 || found.managerId !== managerId || found.seq !== row.seq) return false;
  const batches = readBatches(connection, row.runId, row.seq - events.length);
  return alreadyStored(events, found.seq, batches) === events.length;
}

export function getRun(connection: Connection, runId: string): RunRow | undefined {
  return selectRuns(connection, eq(runs.runId, runId), 1)[0];
}

export function findRuns(connection: Connection, prefix: string, limit: number): RunRow[] {
  if (prefix === 'latest') return selectRuns(connection, undefined, Math.min(limit, 1));
  return selectRuns(connection, prefixCondition(runs, prefix), limit);
}

export function listRuns(connection: Connection, filter: RunFilter): RunRow[] {
  return selectRuns(connection, runCondition(runs, filter), filter.limit);
}

function selectRuns(connection: Connection, condition: SQL | undefined, limit: number): RunRow[] {
  const { shard: _, ...columns } = getTableColumns(runs);
  return connection.read(() =>
    connection.db
      .select({ ...columns, managerId: leases.holder })
      .from(runs)
      .leftJoin(leases, and(eq(leases.kind, 'run'), eq(leases.key, runs.runId)))
      .where(condition)
      .orderBy(desc(runs.runId))
      .limit(limit)
      .all(),
  );
}

/** Commands for a run wait until its owner takes them; see commit.ts for those that come too late. */
export function sendCommand(
  connection: Connection,
  runId: string,
  kind: string,
  message: string,
): Promise<void> {
  return connection.write(() => {
    const state = connection.statement('SELECT state FROM runs WHERE run_id = ?').get(runId)?.state;
    if (state === undefined) throw new WizError('not_found', `There is no run ${runId}.`);
    if (state !== RunState.RUNNING) throw new WizError('failed_precondition', `Run ${runId} has ended.`);
    connection
      .statement('INSERT INTO commands (run_id, kind, message) VALUES (?, ?, ?)')
      .run(runId, kind, message);
  });
}
