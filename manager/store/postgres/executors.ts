import { eq } from 'drizzle-orm';
import type { ExecutorRow } from '../store.ts';
import type { Connection } from './connection.ts';
import { catalogues, executors } from './schema.ts';

export async function putExecutor(connection: Connection, executor: ExecutorRow): Promise<void> {
  await connection.ask((db) =>
    db.insert(executors).values(executor).onConflictDoUpdate({ target: executors.executorId, set: executor }),
  );
}

export async function removeExecutor(connection: Connection, executorId: string): Promise<void> {
  await connection.ask((db) => db.delete(executors).where(eq(executors.executorId, executorId)));
}

export function listExecutors(connection: Connection): Promise<ExecutorRow[]> {
  return connection.ask((db) => db.select().from(executors).orderBy(executors.executorId));
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
