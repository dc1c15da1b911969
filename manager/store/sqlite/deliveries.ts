import {
  CLAIM_SLACK_MS,
  type ClaimedDelivery,
  type DeliveryFilter,
  type DeliveryRow,
  type DeliveryTry,
  type NewDelivery,
  type TryEnd,
} from '../deliveries.ts';
import type { Connection } from './connection.ts';

const INSERT = `INSERT INTO deliveries
  (delivery_id, hook_key, run_id, pipeline, event, processor, created_ms, target, body, timeout_ms, next_ms, state)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    CASE WHEN EXISTS (SELECT 1 FROM disabled_hooks WHERE hook_key = ?) THEN 'disabled' ELSE 'pending' END)
  ON CONFLICT DO NOTHING`;
const COLUMNS = `delivery_id AS deliveryId, hook_key AS hookKey, run_id AS runId, pipeline, event, processor,
  created_ms AS createdMs, target, body, timeout_ms AS timeoutMs, state, tries, tries_before AS triesBefore,
  next_ms AS nextMs, ended_ms AS endedMs, error`;
const DUE = `FROM deliveries WHERE state = 'pending' AND next_ms <= ? AND held_until_ms <= ?`;
const CLAIM = `UPDATE deliveries SET tries = tries + 1, holder = ?, held_until_ms = ? + timeout_ms
  WHERE delivery_id = ? RETURNING ${COLUMNS}`;
const BEGIN_TRY = 'INSERT INTO delivery_tries (delivery_id, attempt, started_ms) VALUES (?, ?, ?)';
const END = `UPDATE deliveries SET state = ?, next_ms = ?, ended_ms = ?, error = ?, holder = '', held_until_ms = 0
  WHERE delivery_id = ? AND holder = ? AND tries = ? AND state = 'pending'`;
const END_TRY = `UPDATE delivery_tries SET duration_ms = ?, status = ?, error = ?, output = ?
  WHERE delivery_id = ? AND attempt = ?`;
const DISABLE = 'INSERT INTO disabled_hooks (hook_key, disabled_ms) VALUES (?, ?) ON CONFLICT DO NOTHING';
const DISABLE_PENDING = `UPDATE deliveries SET state = 'disabled', ended_ms = ?
  WHERE hook_key = ? AND state = 'pending'`;
const FREE_HELD = `UPDATE deliveries SET holder = '', held_until_ms = 0 WHERE state = 'pending' AND holder = ?`;
const AGAIN = `UPDATE deliveries SET state = 'pending', next_ms = ?, ended_ms = 0, tries_before = tries,
  holder = '', held_until_ms = 0 WHERE delivery_id = ?`;

/** Inside a transaction. */
export function addDeliveries(connection: Connection, deliveries: readonly NewDelivery[]): void {
  for (const it of deliveries) {
    connection
      .statement(INSERT)
      .run(
        it.deliveryId,
        it.hookKey,
        it.runId,
        it.pipeline,
        it.event,
        it.processor,
        it.createdMs,
        it.target,
        it.body,
        it.timeoutMs,
        it.createdMs,
        it.hookKey,
      );
  }
}

/** Inside a transaction: what a manager held that is no more is due again. */
export function freeDeliveries(connection: Connection, holder: string): void {
  connection.statement(FREE_HELD).run(holder);
}

/** Inside a transaction. */
export function dropDeliveries(connection: Connection, runId: string): void {
  connection
    .statement(
      'DELETE FROM delivery_tries WHERE delivery_id IN (SELECT delivery_id FROM deliveries WHERE run_id = ?)',
    )
    .run(runId);
  connection.statement('DELETE FROM deliveries WHERE run_id = ?').run(runId);
}

export async function claimDeliveries(
  connection: Connection,
  holder: string,
  nowMs: number,
  limit: number,
): Promise<ClaimedDelivery[]> {
  // Asked with every heartbeat and mostly in vain: look before taking the lock.
  const any = connection.read(() => connection.statement(`SELECT 1 ${DUE} LIMIT 1`).get(nowMs, nowMs));
  if (any === undefined) return [];
  return connection.write(() => {
    const due = connection
      .statement(`SELECT delivery_id AS id ${DUE} ORDER BY next_ms, delivery_id LIMIT ?`)
      .all(nowMs, nowMs, limit);
    return due.map(({ id }) => {
      const row = rowOf(connection.statement(CLAIM).get(holder, nowMs + CLAIM_SLACK_MS, id as string)!);
      connection.statement(BEGIN_TRY).run(row.deliveryId, row.tries, nowMs);
      return row;
    });
  });
}

export function endTry(connection: Connection, end: TryEnd): Promise<boolean> {
  const { deliveryId, holder, attempt, state, nextMs, nowMs, error, durationMs, status, output } = end;
  return connection.write(() => {
    const isOver = state !== 'pending';
    const { changes } = connection
      .statement(END)
      .run(state, isOver ? 0 : nextMs, isOver ? nowMs : 0, error, deliveryId, holder, attempt);
    if (changes === 0) return false;
    connection.statement(END_TRY).run(durationMs, status, error, output, deliveryId, attempt);
    if (state === 'disabled') {
      const { hookKey } = connection
        .statement('SELECT hook_key AS hookKey FROM deliveries WHERE delivery_id = ?')
        .get(deliveryId) as { hookKey: string };
      connection.statement(DISABLE).run(hookKey, nowMs);
      connection.statement(DISABLE_PENDING).run(nowMs, hookKey);
    }
    return true;
  });
}

export function getDelivery(
  connection: Connection,
  deliveryId: string,
): { delivery: DeliveryRow; tries: DeliveryTry[] } | undefined {
  return connection.read(() => {
    const row = connection
      .statement(`SELECT ${COLUMNS} FROM deliveries WHERE delivery_id = ?`)
      .get(deliveryId);
    if (row === undefined) return undefined;
    const tries = connection
      .statement(
        `SELECT attempt, started_ms AS startedMs, duration_ms AS durationMs, status, error, output
         FROM delivery_tries WHERE delivery_id = ? ORDER BY attempt`,
      )
      .all(deliveryId);
    return { delivery: rowOf(row), tries: tries.map((it) => ({ ...it }) as unknown as DeliveryTry) };
  });
}

export function listDeliveries(connection: Connection, filter: DeliveryFilter): DeliveryRow[] {
  const conditions: string[] = [];
  const values: string[] = [];
  const add = (condition: string, ...of: string[]) => {
    conditions.push(condition);
    values.push(...of);
  };
  if (filter.runId !== undefined) add('run_id = ?', filter.runId);
  if (filter.pipeline !== undefined) add('pipeline = ?', filter.pipeline);
  if (filter.states !== undefined) {
    add('state IN (SELECT value FROM json_each(?))', JSON.stringify(filter.states));
  }
  if (filter.troubled) add(`(error <> '' OR state = 'disabled')`);
  if (filter.beforeId !== undefined) {
    add(
      '(created_ms, delivery_id) < (SELECT created_ms, delivery_id FROM deliveries WHERE delivery_id = ?)',
      filter.beforeId,
    );
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  return connection.read(() =>
    connection
      .statement(
        `SELECT ${COLUMNS} FROM deliveries ${where} ORDER BY created_ms DESC, delivery_id DESC LIMIT ?`,
      )
      .all(...values, filter.limit)
      .map(rowOf),
  );
}

export function nextDeliveryMs(connection: Connection, nowMs: number): number | undefined {
  const row = connection.read(() =>
    connection
      .statement(
        `SELECT next_ms AS at FROM deliveries WHERE state = 'pending' AND held_until_ms <= ? ORDER BY next_ms LIMIT 1`,
      )
      .get(nowMs),
  );
  return row === undefined ? undefined : Number(row.at);
}

export function redeliver(connection: Connection, deliveryId: string, nowMs: number): Promise<boolean> {
  return connection.write(() => {
    if (connection.statement(AGAIN).run(nowMs, deliveryId).changes === 0) return false;
    connection
      .statement(
        'DELETE FROM disabled_hooks WHERE hook_key = (SELECT hook_key FROM deliveries WHERE delivery_id = ?)',
      )
      .run(deliveryId);
    return true;
  });
}

function rowOf(row: Record<string, unknown>): DeliveryRow {
  return { ...row } as unknown as DeliveryRow;
}
