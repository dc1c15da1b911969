import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Command, LeaseRow, ManagerRow } from '../store.ts';
import { notify } from './changes.ts';
import type { Connection, Row } from './connection.ts';
import { freeDeliveries } from './deliveries.ts';
import { numbers, texts } from './literals.ts';
import { managers } from './schema.ts';

/**
 * Who holds what: managers, the runs they own, and leases with a name of their own.
 *
 * No clock of a manager decides about another one. Whether a manager lives is judged by whoever looks, by how long its row
 * has not changed (liveness.ts). Whether a lease has expired is decided by the clock of the database: a holder says for how
 * long it wants it, not until when, and times are told as they are on the clock of whoever asks. And a manager that holds
 * itself for the owner of a run is corrected by the epoch in each commit, whatever any clock says.
 */

/** The clock of the database in milliseconds; not that of the transaction, which stands still. */
const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::float8';

/** Parameter: ids of living managers. */
const ORPHANS = `FROM runs WHERE state = 1 AND (manager_id IS NULL OR manager_id <> ALL ($1::text[]))`;
const claimText = (ofShards: string) => `UPDATE runs SET manager_id = $2, epoch = epoch + 1, claim = $3
  WHERE run_id IN (SELECT run_id ${ORPHANS} ${ofShards} ORDER BY run_id LIMIT $4 FOR UPDATE SKIP LOCKED)
  RETURNING run_id, epoch`;
const CLAIM = claimText('');
const CLAIM_SHARDS = claimText('AND shard = ANY ($5::int4[])');
const CLAIMED = 'SELECT run_id, epoch FROM runs WHERE manager_id = $1 AND claim = $2';
const CLAIM_ONE = `UPDATE runs SET manager_id = $2, epoch = CASE WHEN manager_id = $2 THEN epoch ELSE epoch + 1 END
  WHERE run_id = $1 AND (manager_id IS NULL OR manager_id = $2 OR manager_id <> ALL ($3::text[]))
  RETURNING epoch`;
const FREE = `UPDATE runs SET manager_id = NULL WHERE run_id IN
  (SELECT run_id FROM runs WHERE manager_id = $1 AND run_id = ANY ($2::text[]) ORDER BY run_id FOR UPDATE)`;
const FREE_ALL = `UPDATE runs SET manager_id = NULL WHERE run_id IN
  (SELECT run_id FROM runs WHERE manager_id = $1 ORDER BY run_id FOR UPDATE) RETURNING 1`;
const REMOVE = `DELETE FROM managers WHERE manager_id = $1 AND heartbeat_ms = coalesce($2::float8, heartbeat_ms)
  RETURNING 1`;
const FREE_RESERVED = `DELETE FROM leases WHERE kind = 'limit' AND run_id = '' AND starts_with(holder, $1 || '#')`;
const OWNED = 'SELECT run_id, epoch FROM runs WHERE manager_id = $1 ORDER BY run_id';
const ACQUIRE = `INSERT INTO leases (kind, key, holder, epoch, run_id, expires_ms)
  VALUES ($1, $2, $3, 0, '', ${NOW} + $4::float8)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE
  SET holder = excluded.holder, expires_ms = excluded.expires_ms
  WHERE leases.holder = excluded.holder OR leases.expires_ms <= ${NOW}
  RETURNING 1`;
const LEASES = `SELECT kind, key, holder, CASE WHEN expires_ms = 0 THEN NULL ELSE expires_ms - ${NOW} END AS expires_in
  FROM leases WHERE kind = $1 ORDER BY key, holder`;
const RUN_LEASES = `SELECT run_id AS key, manager_id AS holder FROM runs WHERE manager_id IS NOT NULL ORDER BY run_id`;
const COMMANDS = `SELECT id::float8, commands.run_id, commands.message FROM commands JOIN runs ON runs.run_id = commands.run_id
  WHERE runs.manager_id = $1 ORDER BY commands.id`;

export async function heartbeat(connection: Connection, manager: ManagerRow): Promise<boolean> {
  const [row] = await connection.ask((db) =>
    db
      .insert(managers)
      .values(manager)
      .onConflictDoUpdate({ target: managers.managerId, set: manager })
      // A row that was there is locked before it is changed.
      .returning({ wasThere: sql<boolean>`xmax <> 0` }),
  );
  const wasThere = row!.wasThere;
  if (!wasThere) await notify(connection.query, connection.storeId, { kind: 'ownership' });
  return wasThere;
}

export function listManagers(connection: Connection): Promise<ManagerRow[]> {
  return connection.ask((db) => db.select().from(managers).orderBy(managers.managerId));
}

/** Limits stay: they belong to runs, which go on under another manager; those that no run has yet belong to nobody. */
export function removeManager(
  connection: Connection,
  managerId: string,
  heartbeatMs?: number,
): Promise<boolean> {
  return connection.transaction(async (query) => {
    const removed = await query(REMOVE, [managerId, heartbeatMs ?? null]);
    // One that others removed may have taken something since.
    if (removed.length === 0 && heartbeatMs !== undefined) return false;
    await query("DELETE FROM leases WHERE holder = $1 AND kind <> 'limit'", [managerId]);
    await query(FREE_RESERVED, [managerId]);
    await query(FREE_ALL, [managerId]);
    await freeDeliveries(query, managerId);
    await notify(query, connection.storeId, { kind: 'ownership' });
    return removed.length > 0;
  });
}

export async function claimRuns(
  connection: Connection,
  managerId: string,
  living: string[],
  limit: number,
  shards?: number[],
): Promise<{ runId: string; epoch: number }[]> {
  const claim = randomBytes(9).toString('base64url');
  const values = [texts([managerId, ...living]), managerId, claim, limit];
  const claimed = await connection.patiently(async (tries) => {
    // The answer to an earlier try may have been lost.
    const before = tries === 0 ? [] : await connection.once.query(CLAIMED, [managerId, claim]);
    if (before.length > 0) return before;
    return shards === undefined
      ? connection.once.query(CLAIM, values)
      : connection.once.query(CLAIM_SHARDS, [...values, numbers(shards)]);
  });
  return claimed.map(ownedOf).sort((a, b) => (a.runId < b.runId ? -1 : 1));
}

export async function ownedRuns(
  connection: Connection,
  managerId: string,
): Promise<{ runId: string; epoch: number }[]> {
  return (await connection.query(OWNED, [managerId])).map(ownedOf);
}

function ownedOf(row: Row): { runId: string; epoch: number } {
  return { runId: row.run_id as string, epoch: row.epoch as number };
}

export async function countOrphans(connection: Connection, living: string[]): Promise<number> {
  const [row] = await connection.query(`SELECT count(*)::int4 AS n ${ORPHANS}`, [texts(living)]);
  return row!.n as number;
}

export async function claimRun(
  connection: Connection,
  runId: string,
  managerId: string,
  living: string[],
): Promise<{ epoch: number } | undefined> {
  const [row] = await connection.query(CLAIM_ONE, [runId, managerId, texts(living)]);
  return row === undefined ? undefined : { epoch: row.epoch as number };
}

export function releaseRuns(connection: Connection, managerId: string, runIds: string[]): Promise<void> {
  return connection.transaction(async (query) => {
    await query(FREE, [managerId, texts(runIds)]);
    await notify(query, connection.storeId, { kind: 'ownership' });
  });
}

export async function acquireLease(
  connection: Connection,
  kind: string,
  key: string,
  holder: string,
  nowMs: number,
  expiresMs: number,
): Promise<boolean> {
  return (await connection.query(ACQUIRE, [kind, key, holder, expiresMs - nowMs])).length > 0;
}

export async function releaseLease(
  connection: Connection,
  kind: string,
  key: string,
  holder: string,
): Promise<void> {
  await connection.query('DELETE FROM leases WHERE kind = $1 AND key = $2 AND holder = $3', [
    kind,
    key,
    holder,
  ]);
}

export async function listLeases(connection: Connection, kind: string): Promise<LeaseRow[]> {
  const rows = await (kind === 'run' ? connection.query(RUN_LEASES) : connection.query(LEASES, [kind]));
  const nowMs = Date.now();
  return rows.map((row) => ({
    kind,
    key: row.key as string,
    holder: row.holder as string,
    expiresMs: row.expires_in == null ? 0 : nowMs + (row.expires_in as number),
  }));
}

export async function readCommands(connection: Connection, managerId: string): Promise<Command[]> {
  const rows = await connection.query(COMMANDS, [managerId]);
  return rows.map((row) => ({
    id: row.id as number,
    runId: row.run_id as string,
    kind: 'cancel',
    message: row.message as string,
  }));
}

export async function removeCommands(connection: Connection, ids: number[]): Promise<void> {
  await connection.query('DELETE FROM commands WHERE id = ANY ($1::int8[])', [numbers(ids)]);
}
