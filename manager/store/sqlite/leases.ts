import type { Command, LeaseRow, ManagerRow } from '../store.ts';
import type { Connection } from './connection.ts';
import { freeDeliveries } from './deliveries.ts';
import { managers } from './schema.ts';

/**
 * Who holds what: managers, the runs they own, and leases with a name of their own. Statements are text where
 * they are asked every tick or join in a way that Drizzle would only make longer.
 */

const OWNER = "SELECT holder, epoch FROM leases WHERE kind = 'run' AND key = ?";
/** Parameters: ids of living managers as a JSON array. */
const ORPHANS = `FROM runs LEFT JOIN leases ON leases.kind = 'run' AND leases.key = runs.run_id
  WHERE runs.state = 1 AND (leases.holder IS NULL OR leases.holder NOT IN (SELECT value FROM json_each(?)))`;
/** Parameters: shards as a JSON array. */
const OF_SHARDS = 'AND runs.shard IN (SELECT value FROM json_each(?))';
const RAISE = 'UPDATE runs SET epoch = epoch + 1 WHERE run_id = ? RETURNING epoch';
const OWN = `INSERT INTO leases (kind, key, holder, epoch) VALUES ('run', ?, ?, ?)
  ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch`;
const FREE_RESERVED =
  "DELETE FROM leases WHERE kind = 'limit' AND run_id = '' AND substr(holder, 1, length(?1)) = ?1";
const FREE = "DELETE FROM leases WHERE kind = 'run' AND key = ? AND holder = ?";

export function heartbeat(connection: Connection, manager: ManagerRow): Promise<boolean> {
  return connection.write(() => {
    const there = connection.statement('SELECT 1 FROM managers WHERE manager_id = ?').get(manager.managerId);
    connection.db
      .insert(managers)
      .values(manager)
      .onConflictDoUpdate({ target: managers.managerId, set: manager })
      .run();
    return there !== undefined;
  });
}

export function listManagers(connection: Connection): ManagerRow[] {
  return connection.read(() => connection.db.select().from(managers).orderBy(managers.managerId).all());
}

/** Limits stay: they belong to runs, which go on under another manager; those that no run has yet belong to nobody. */
export function removeManager(
  connection: Connection,
  managerId: string,
  heartbeatMs?: number,
): Promise<boolean> {
  return connection.write(() => {
    const { changes } = connection
      .statement('DELETE FROM managers WHERE manager_id = ? AND heartbeat_ms = coalesce(?, heartbeat_ms)')
      .run(managerId, heartbeatMs ?? null);
    // One that others removed may have taken something since.
    if (changes === 0 && heartbeatMs !== undefined) return false;
    connection.statement("DELETE FROM leases WHERE holder = ? AND kind <> 'limit'").run(managerId);
    connection.statement(FREE_RESERVED).run(`${managerId}#`);
    freeDeliveries(connection, managerId);
    return changes > 0;
  });
}

export async function claimRuns(
  connection: Connection,
  managerId: string,
  living: string[],
  limit: number,
  shards?: number[],
): Promise<{ runId: string; epoch: number }[]> {
  const orphans = shards === undefined ? ORPHANS : `${ORPHANS} ${OF_SHARDS}`;
  const given = [JSON.stringify([managerId, ...living])];
  if (shards !== undefined) given.push(JSON.stringify(shards));
  // Asked often and mostly in vain: look before taking the lock.
  const any = connection.read(() => connection.statement(`SELECT 1 ${orphans} LIMIT 1`).get(...given));
  if (any === undefined) return [];
  return connection.write(() =>
    connection
      .statement(`SELECT runs.run_id AS runId ${orphans} ORDER BY runs.run_id LIMIT ?`)
      .all(...given, limit)
      .map((row) => ({ runId: String(row.runId), epoch: take(connection, String(row.runId), managerId) })),
  );
}

export function countOrphans(connection: Connection, living: string[]): number {
  return connection.read(() =>
    Number(connection.statement(`SELECT count(*) AS n ${ORPHANS}`).get(JSON.stringify(living))?.n),
  );
}

export function claimRun(
  connection: Connection,
  runId: string,
  managerId: string,
  living: string[],
): Promise<{ epoch: number } | undefined> {
  return connection.write(() => {
    const owner = connection.statement(OWNER).get(runId);
    if (owner?.holder === managerId) return { epoch: Number(owner.epoch) };
    if (owner !== undefined && living.includes(String(owner.holder))) return undefined;
    if (connection.statement('SELECT 1 FROM runs WHERE run_id = ?').get(runId) === undefined)
      return undefined;
    return { epoch: take(connection, runId, managerId) };
  });
}

function take(connection: Connection, runId: string, managerId: string): number {
  const epoch = Number(connection.statement(RAISE).get(runId)?.epoch);
  connection.statement(OWN).run(runId, managerId, epoch);
  return epoch;
}

export function releaseRuns(connection: Connection, managerId: string, runIds: string[]): Promise<void> {
  return connection.write(() => {
    for (const runId of runIds) connection.statement(FREE).run(runId, managerId);
  });
}

export function ownedRuns(connection: Connection, managerId: string): { runId: string; epoch: number }[] {
  return connection.read(() =>
    connection
      .statement("SELECT key, epoch FROM leases WHERE holder = ? AND kind = 'run' ORDER BY key")
      .all(managerId)
      .map((row) => ({ runId: String(row.key), epoch: Number(row.epoch) })),
  );
}

export function acquireLease(
  connection: Connection,
  kind: string,
  key: string,
  holder: string,
  nowMs: number,
  expiresMs: number,
): Promise<boolean> {
  return connection.write(() => {
    const { changes } = connection
      .statement(
        `INSERT INTO leases (kind, key, holder, expires_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (kind, key) WHERE kind <> 'limit' DO UPDATE
         SET holder = excluded.holder, expires_ms = excluded.expires_ms
         WHERE leases.holder = excluded.holder OR leases.expires_ms <= ?`,
      )
      .run(kind, key, holder, expiresMs, nowMs);
    return changes > 0;
  });
}

export function releaseLease(
  connection: Connection,
  kind: string,
  key: string,
  holder: string,
): Promise<void> {
  return connection.write(() => {
    connection
      .statement('DELETE FROM leases WHERE kind = ? AND key = ? AND holder = ?')
      .run(kind, key, holder);
  });
}

export function listLeases(connection: Connection, kind: string): LeaseRow[] {
  return connection.read(() =>
    connection
      .statement('SELECT kind, key, holder, expires_ms FROM leases WHERE kind = ? ORDER BY key, holder')
      .all(kind)
      .map((row) => ({
        kind: String(row.kind),
        key: String(row.key),
        holder: String(row.holder),
        expiresMs: Number(row.expires_ms),
      })),
  );
}

export function readCommands(connection: Connection, managerId: string): Command[] {
  return connection.read(() =>
    connection
      .statement(
        `SELECT id, commands.run_id AS runId, message FROM commands
         JOIN leases ON leases.kind = 'run' AND leases.key = commands.run_id
         WHERE leases.holder = ? ORDER BY id`,
      )
      .all(managerId)
      .map(({ id, runId, message }) => ({
        id: Number(id),
        runId: String(runId),
        kind: 'cancel',
        message: String(message),
      })),
  );
}

export function removeCommands(connection: Connection, ids: number[]): Promise<void> {
  return connection.write(() => {
    for (const id of ids) connection.statement('DELETE FROM commands WHERE id = ?').run(id);
  });
}
