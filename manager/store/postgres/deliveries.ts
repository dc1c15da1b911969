import {
  CLAIM_SLACK_MS,
  type ClaimedDelivery,
  type DeliveryFilter,
  type DeliveryRow,
  type DeliveryTry,
  type NewDelivery,
  type TryEnd,
} from '../deliveries.ts';
import type { Connection, Row, Value } from './connection.ts';
import { clean, numbers, texts } from './literals.ts';

const ADD = `INSERT INTO deliveries (delivery_id, hook_key, run_id, pipeline, event, processor, created_ms, target, body,
    timeout_ms, next_ms, state, tries, tries_before, ended_ms, error, holder, held_until_ms)
  SELECT i.*, i.created_ms,
    CASE WHEN EXISTS (SELECT 1 FROM disabled_hooks AS d WHERE d.hook_key = i.hook_key) THEN 'disabled' ELSE 'pending' END,
    0, 0, 0, '', '', 0
  FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::float8[], ?::text[], ?::text[],
    ?::float8[]) AS i (delivery_id, hook_key, run_id, pipeline, event, processor, created_ms, target, body, timeout_ms)
  ON CONFLICT DO NOTHING`;
const COLUMNS = `delivery_id AS "deliveryId", hook_key AS "hookKey", run_id AS "runId", pipeline, event, processor,
  created_ms AS "createdMs", target, body, timeout_ms AS "timeoutMs", state, tries, tries_before AS "triesBefore",
  next_ms AS "nextMs", ended_ms AS "endedMs", error`;
const CLAIM = `WITH claimed AS (UPDATE deliveries
    SET tries = tries + 1, holder = $1, held_until_ms = $2::float8 + ${CLAIM_SLACK_MS} + timeout_ms
    WHERE delivery_id IN (SELECT delivery_id FROM deliveries
      WHERE state = 'pending' AND next_ms <= $2::float8 AND held_until_ms <= $2::float8
      ORDER BY next_ms, delivery_id LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING ${COLUMNS}),
  begun AS (INSERT INTO delivery_tries (delivery_id, attempt, started_ms, duration_ms, status, error, output)
    SELECT "deliveryId", tries, $2::float8, -1, 0, '', '' FROM claimed)
  SELECT * FROM claimed ORDER BY "nextMs", "deliveryId"`;
const END = `UPDATE deliveries SET state = $1, next_ms = $2, ended_ms = $3, error = $4, holder = '', held_until_ms = 0
  WHERE delivery_id = $5 AND holder = $6 AND tries = $7 AND state = 'pending' RETURNING hook_key`;
const END_TRY = `UPDATE delivery_tries SET duration_ms = $1, status = $2, error = $3, output = $4
  WHERE delivery_id = $5 AND attempt = $6`;
const DISABLE = 'INSERT INTO disabled_hooks (hook_key, disabled_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING';
const DISABLE_PENDING = `UPDATE deliveries SET state = 'disabled', ended_ms = $2
  WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE hook_key = $1 AND state = 'pending'
    ORDER BY delivery_id FOR UPDATE)`;
const FREE_HELD = `UPDATE deliveries SET holder = '', held_until_ms = 0
  WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE state = 'pending' AND holder = $1
    ORDER BY delivery_id FOR UPDATE)`;
const AGAIN = `UPDATE deliveries SET state = 'pending', next_ms = $2, ended_ms = 0, tries_before = tries,
  holder = '', held_until_ms = 0 WHERE delivery_id = $1 RETURNING hook_key`;

/** The statement that adds them, with ? for its values. */
export function deliveriesPart(deliveries: readonly NewDelivery[]): { text: string; values: Value[] } {
  // Each once, in an order that two managers share.
  const byId = new Map(deliveries.map((it) => [it.deliveryId, it]));
  const rows = [...byId.keys()].sort().map((id) => byId.get(id)!);
  const column = (of: (it: NewDelivery) => string) => texts(rows.map(of));
  return {
    text: ADD,
    values: [
      column((it) => it.deliveryId),
      column((it) => it.hookKey),
      column((it) => it.runId),
      column((it) => it.pipeline),
      column((it) => it.event),
      column((it) => it.processor),
      numbers(rows.map((it) => it.createdMs)),
      column((it) => it.target),
      column((it) => it.body),
      numbers(rows.map((it) => it.timeoutMs)),
    ],
  };
}

/** Inside a transaction: what a manager held that is no more is due again. */
export async function freeDeliveries(query: Connection['query'], holder: string): Promise<void> {
  await query(FREE_HELD, [holder]);
}

export async function claimDeliveries(
  connection: Connection,
  holder: string,
  nowMs: number,
  limit: number,
): Promise<ClaimedDelivery[]> {
  return (await connection.query(CLAIM, [holder, nowMs, limit])).map(rowOf);
}

export function endTry(connection: Connection, end: TryEnd): Promise<boolean> {
  const { deliveryId, holder, attempt, state, nextMs, nowMs, durationMs, status } = end;
  const [error, output] = [clean(end.error), clean(end.output)];
  return connection.transaction(async (query) => {
    const isOver = state !== 'pending';
    const values = [state, isOver ? 0 : nextMs, isOver ? nowMs : 0, error, deliveryId, holder, attempt];
    const [row] = await query(END, values);
    if (row === undefined) return false;
    await query(END_TRY, [durationMs, status, error, output, deliveryId, attempt]);
    if (state === 'disabled') {
      await query(DISABLE, [row.hook_key as string, nowMs]);
      await query(DISABLE_PENDING, [row.hook_key as string, nowMs]);
    }
    return true;
  });
}

export async function getDelivery(
  connection: Connection,
  deliveryId: string,
): Promise<{ delivery: DeliveryRow; tries: DeliveryTry[] } | undefined> {
  const [row] = await connection.query(`SELECT ${COLUMNS} FROM deliveries WHERE delivery_id = $1`, [
    deliveryId,
  ]);
  if (row === undefined) return undefined;
  const tries = await connection.query(
    `SELECT attempt, started_ms AS "startedMs", duration_ms AS "durationMs", status, error, output
     FROM delivery_tries WHERE delivery_id = $1 ORDER BY attempt`,
    [deliveryId],
  );
  return { delivery: rowOf(row), tries: tries as unknown as DeliveryTry[] };
}

export async function listDeliveries(connection: Connection, filter: DeliveryFilter): Promise<DeliveryRow[]> {
  const conditions: string[] = [];
  const values: Value[] = [];
  const add = (condition: (value: string) => string, value: string) => {
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  if (filter.runId !== undefined) add((it) => `run_id = ${it}`, filter.runId);
  if (filter.pipeline !== undefined) add((it) => `pipeline = ${it}`, filter.pipeline);
  if (filter.states !== undefined) add((it) => `state = ANY (${it}::text[])`, texts(filter.states));
  if (filter.troubled) conditions.push(`(error <> '' OR state = 'disabled')`);
  if (filter.beforeId !== undefined) {
    add(
      (it) =>
        `(created_ms, delivery_id) < (SELECT created_ms, delivery_id FROM deliveries WHERE delivery_id = ${it})`,
      filter.beforeId,
    );
  }
  values.push(filter.limit);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const rows = await connection.query(
    `SELECT ${COLUMNS} FROM deliveries ${where}
     ORDER BY created_ms DESC, delivery_id DESC LIMIT $${values.length}`,
    values,
  );
  return rows.map(rowOf);
}

export async function nextDeliveryMs(connection: Connection, nowMs: number): Promise<number | undefined> {
  const [row] = await connection.query(
    `SELECT next_ms FROM deliveries WHERE state = 'pending' AND held_until_ms <= $1 ORDER BY next_ms LIMIT 1`,
    [nowMs],
  );
  return row?.next_ms as number | undefined;
}

export function redeliver(connection: Connection, deliveryId: string, nowMs: number): Promise<boolean> {
  return connection.transaction(async (query) => {
    const [row] = await query(AGAIN, [deliveryId, nowMs]);
    if (row === undefined) return false;
    await query('DELETE FROM disabled_hooks WHERE hook_key = $1', [row.hook_key as string]);
    return true;
  });
}

function rowOf(row: Row): DeliveryRow {
  return row as unknown as DeliveryRow;
}
