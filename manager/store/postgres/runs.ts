import { desc, eq, getTableColumns, type SQL } from 'drizzle-orm';
import { WizError } from '../../../proto/error.ts';
import { type Event, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { alreadyStored, checkNumbers } from '../batches.ts';
import type { NewDelivery } from '../deliveries.ts';
import { prefixCondition, runCondition } from '../run-filter.ts';
import { shardOf } from '../shard.ts';
import type { RunFilter, RunRow } from '../store.ts';
import { CHANNEL, notify, payloads } from './changes.ts';
import { journalPart, NOT_AS_EXPECTED } from './commit-statement.ts';
import type { Connection, Value } from './connection.ts';
import { deliveriesPart } from './deliveries.ts';
import { codeOf } from './errors.ts';
import { readBatches } from './journal.ts';
import { clean, texts } from './literals.ts';
import { runs } from './schema.ts';

const INSERT = `INSERT INTO runs (run_id, pipeline, version, state, reason, message, created_ms, ended_ms, labels,
    params_json, idle, running, failed, succeeded, warnings, cancel_requested, seq, shard,
    epoch, manager_id, claim)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, '')`;

/** One statement: the row, the first events, what hooks are told of them, and word of it. */
export function createStatement(
  storeId: string,
  row: RunRow,
  events: Event[],
  managerId: string | null,
  deliveries: readonly NewDelivery[],
): { text: string; values: Value[] } {
  checkNumbers(row.runId, events, row.seq - events.length);
  const told = deliveries.length === 0 ? undefined : deliveriesPart(deliveries);
  const journal = journalPart([{ runId: row.runId, events }]);
  const values: Value[] = [
    row.runId,
    row.pipeline,
    row.version,
    row.state,
    clean(row.reason),
    clean(row.message),
    row.createdMs,
    row.endedMs,
    JSON.stringify(row.labels),
    clean(row.paramsJson),
    row.idle,
    row.running,
    row.failed,
    row.succeeded,
    JSON.stringify(row.warnings),
    row.cancelRequested,
    row.seq,
    shardOf(row.runId),
    managerId,
    ...journal.values,
    ...(told?.values ?? []),
    texts([
      ...payloads(storeId, { kind: 'runs', runIds: [row.runId] }),
      // Somebody is to take it.
      ...(managerId === null ? payloads(storeId, { kind: 'ownership' }) : []),
    ]),
  ];
  let n = 0;
  const text = `WITH created AS (${INSERT}), journaled AS (${journal.text})${told === undefined ? '' : `, told AS (${told.text})`}
    SELECT pg_notify('${CHANNEL}', payload) FROM unnest(?::text[]) AS payload`;
  return { text: text.replaceAll('?', () => `$${++n}`), values };
}

export async function createRun(
  connection: Connection,
  row: RunRow,
  events: Event[],
  managerId: string | null,
  deliveries: readonly NewDelivery[],
): Promise<void> {
  const { text, values } = createStatement(connection.storeId, row, events, managerId, deliveries);
  await connection.patiently(async () => {
    try {
      await connection.once.commit(text, values);
    } catch (error) {
      if (!NOT_AS_EXPECTED.includes(codeOf(error))) throw error;
      if (await isSame(connection, row, events, managerId)) return;
      throw new WizError('already_exists', `There is a run ${row.runId} already.`, { cause: error });
    }
  });
}

/** It was created just so, and nothing has been done with it. */
async function isSame(
  connection: Connection,
  row: RunRow,
  events: Event[],
  managerId: string | null,
): Promise<boolean> {
  const found = await getRun(connection, row.runId);
  if (found?.epoch !== 1 || found.managerId !== managerId || found.seq !== row.seq) return false;
  const batches = await readBatches(connection.query, row.runId, row.seq - events.length);
  return alreadyStored(events, found.seq, batches) === events.length;
}

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
