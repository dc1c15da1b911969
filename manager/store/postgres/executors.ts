import { eq } from 'drizzle-orm';
import { alikeCondition, inTheWayOf, registeredCondition } from '../executor-match.ts';
import type { ExecutorProcess, ExecutorRow } from '../executor-store.ts';
import { notify } from './changes.ts';
import type { Connection } from './connection.ts';
import { catalogues, executors } from './schema.ts';

const THERE = 'SELECT launcher, pid, started_ms FROM executors WHERE executor_id = $1';
const REPLACE = `UPDATE executors SET executor_id = $2, hostname = $3, machine = $4, pid = $5, pid_start = $6,
    version = $7, slots = $8, started_ms = $9
  WHERE executor_id = $1 AND launcher = 'registered' RETURNING 1`;

export async function putExecutor(connection: Connection, executor: ExecutorRow): Promise<void> {
  await connection.ask((db) =>
    db.insert(executors).values(executor).onConflictDoUpdate({ target: executors.executorId, set: executor }),
  );
}

export async function removeExecutor(connection: Connection, executorId: string): Promise<void> {
  await connection.ask((db) => db.delete(executors).where(eq(executors.executorId, executorId)));
  await tell(connection);
}

export function listExecutors(connection: Connection): Promise<ExecutorRow[]> {
  return connection.ask((db) => db.select().from(executors).orderBy(executors.executorId));
}

/** Who registers at the same moment is told by the indexes. */
export async function registerExecutor(
  connection: Connection,
  executor: ExecutorRow,
): Promise<ExecutorRow | undefined> {
  const before = await findAlike(connection, executor);
  if (before !== undefined) return before;
  try {
    await connection.ask((db) =>
      db
        .insert(executors)
        .values(executor)
        .onConflictDoUpdate({
          target: executors.executorId,
          set: executor,
          setWhere: eq(executors.launcher, 'remote'),
        }),
    );
  } catch (error) {
    const inTheWay = await findAlike(connection, executor);
    if (inTheWay === undefined) throw error;
    return inTheWay;
  }
  const now = await findAlike(connection, executor);
  // Perhaps it was stored, the answer was lost, and it was tried again.
  if (now !== undefined && (now.name !== executor.name || now.address !== executor.address)) return now;
  await tell(connection);
  return undefined;
}

async function findAlike(connection: Connection, executor: ExecutorRow): Promise<ExecutorRow | undefined> {
  const isAlike = alikeCondition(executors, executor);
  const rows = await connection.ask((db) =>
    db.select().from(executors).where(isAlike).orderBy(executors.executorId),
  );
  return inTheWayOf(rows);
}

export async function drainExecutor(
  connection: Connection,
  executorId: string,
  drainingMs: number,
): Promise<boolean> {
  const isIt = registeredCondition(executors, executorId);
  const changed = await connection.ask((db) =>
    db.update(executors).set({ drainingMs }).where(isIt).returning({ executorId: executors.executorId }),
  );
  await tell(connection);
  return changed.length > 0;
}

export async function replaceExecutor(
  connection: Connection,
  executorId: string,
  process: ExecutorProcess,
): Promise<boolean> {
  const { executorId: id, hostname, machine, pid, pidStart, version, slots, startedMs } = process;
  const replaced = await connection.patiently((tries) =>
    connection.once.transaction(async (query) => {
      const [there] = await query(THERE, [id]);
      if (there !== undefined && there.launcher !== 'remote') {
        // The answer to an earlier try may have been lost.
        const isIt = there.launcher === 'registered' && there.pid === pid && there.started_ms === startedMs;
        return tries > 0 && isIt;
      }
      await query('DELETE FROM executors WHERE executor_id = $1', [id]);
      const values = [executorId, id, hostname, machine, pid, pidStart, version, slots, startedMs];
      return (await query(REPLACE, values)).length > 0;
    }),
  );
  await tell(connection);
  return replaced;
}

/** Managers look at the executors when anything but runs has changed. */
function tell(connection: Connection): Promise<void> {
  return notify(connection.query, connection.storeId, { kind: 'ownership' });
}

export async function getCatalogue(connection: Connection, build: string): Promise<string | undefined> {
  const rows = await connection.ask((db) => db.select().from(catalogues).where(eq(catalogues.build, build)));
  return rows[0]?.json;
}

export async function putCatalogue(connection: Connection, build: string, json: string): Promise<void> {
  await connection.ask((db) =>
    db
      .insert(catalogues)
      .values({ build, json })
      .onConflictDoUpdate({ target: catalogues.build, set: { json } }),
  );
}
