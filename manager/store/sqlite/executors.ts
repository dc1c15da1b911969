import { eq } from 'drizzle-orm';
import { alikeCondition, inTheWayOf, registeredCondition } from '../executor-match.ts';
import type { ExecutorProcess, ExecutorRow } from '../executor-store.ts';
import type { Connection } from './connection.ts';
import { catalogues, executors } from './schema.ts';

export function putExecutor(connection: Connection, executor: ExecutorRow): Promise<void> {
  return connection.write(() => {
    connection.db
      .insert(executors)
      .values(executor)
      .onConflictDoUpdate({ target: executors.executorId, set: executor })
      .run();
  });
}

export function removeExecutor(connection: Connection, executorId: string): Promise<void> {
  return connection.write(() => {
    connection.db.delete(executors).where(eq(executors.executorId, executorId)).run();
  });
}

export function listExecutors(connection: Connection): ExecutorRow[] {
  return connection.read(() => connection.db.select().from(executors).orderBy(executors.executorId).all());
}

export function registerExecutor(
  connection: Connection,
  executor: ExecutorRow,
): Promise<ExecutorRow | undefined> {
  const { db } = connection;
  return connection.write(() => {
    const alike = db
      .select()
      .from(executors)
      .where(alikeCondition(executors, executor))
      .orderBy(executors.executorId)
      .all();
    const inTheWay = inTheWayOf(alike);
    if (inTheWay !== undefined) return inTheWay;
    db.delete(executors).where(eq(executors.executorId, executor.executorId)).run();
    db.insert(executors).values(executor).run();
    return undefined;
  });
}

export function drainExecutor(
  connection: Connection,
  executorId: string,
  drainingMs: number,
): Promise<boolean> {
  const isIt = registeredCondition(executors, executorId);
  return connection.write(
    () => connection.db.update(executors).set({ drainingMs }).where(isIt).run().changes > 0,
  );
}

export function replaceExecutor(
  connection: Connection,
  executorId: string,
  process: ExecutorProcess,
): Promise<boolean> {
  const { db } = connection;
  return connection.write(() => {
    const isNew = eq(executors.executorId, process.executorId);
    const there = db.select({ launcher: executors.launcher }).from(executors).where(isNew).get();
    if (there !== undefined && there.launcher !== 'remote') return false;
    db.delete(executors).where(isNew).run();
    const isIt = registeredCondition(executors, executorId);
    return db.update(executors).set(process).where(isIt).run().changes > 0;
  });
}

export function getCatalogue(connection: Connection, build: string): string | undefined {
  return connection.read(
    () => connection.db.select().from(catalogues).where(eq(catalogues.build, build)).get()?.json,
  );
}

export function putCatalogue(connection: Connection, build: string, json: string): Promise<void> {
  return connection.write(() => {
    connection.db
      .insert(catalogues)
      .values({ build, json })
      .onConflictDoUpdate({ target: catalogues.build, set: { json } })
      .run();
  });
}
