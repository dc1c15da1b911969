import { eq } from 'drizzle-orm';
import type { ExecutorRow } from '../store.ts';
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
