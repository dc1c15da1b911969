import { and, desc, eq, getTableColumns, max } from 'drizzle-orm';
import type { AppliedVersion, NewPipeline, PipelineVersion } from '../store.ts';
import type { Connection } from './connection.ts';
import { dropSchedules, replaceSchedules } from './schedules.ts';
import { pipelines } from './schema.ts';

export function applyPipelines(
  connection: Connection,
  wanted: NewPipeline[],
  nowMs: number,
  dryRun: boolean,
): Promise<AppliedVersion[]> {
  return connection.write((undo) => {
    if (dryRun) undo();
    return wanted.map((pipeline) => apply(connection, pipeline, nowMs));
  });
}

function apply(connection: Connection, wanted: NewPipeline, nowMs: number): AppliedVersion {
  const { name } = wanted;
  const before = getPipeline(connection, name, 0);
  if (before?.specJson === wanted.specJson) {
    return { name, version: before.version, before, changed: false };
  }
  const version = lastVersion(connection, name) + 1;
  const { schedules = [], ...columns } = wanted;
  connection.db
    .insert(pipelines)
    .values({ ...columns, version, createdMs: nowMs, deletedMs: 0 })
    .run();
  replaceSchedules(connection, name, version, schedules);
  return { name, version, before, changed: true };
}

/** Counts the deleted ones too. */
function lastVersion(connection: Connection, name: string): number {
  const found = connection.db
    .select({ version: max(pipelines.version) })
    .from(pipelines)
    .where(eq(pipelines.name, name))
    .get();
  return found?.version ?? 0;
}

export function getPipeline(
  connection: Connection,
  name: string,
  version: number,
): PipelineVersion | undefined {
  const which = version === 0 ? undefined : eq(pipelines.version, version);
  return connection.read(() =>
    offered(connection)
      .where(and(eq(pipelines.name, name), eq(pipelines.deletedMs, 0), which))
      .orderBy(desc(pipelines.version))
      .limit(1)
      .get(),
  );
}

export function listPipelines(connection: Connection): PipelineVersion[] {
  return connection.read(() => {
    const newest = connection.db
      .select({ name: pipelines.name, version: max(pipelines.version).as('version') })
      .from(pipelines)
      .where(eq(pipelines.deletedMs, 0))
      .groupBy(pipelines.name)
      .as('newest');
    return offered(connection)
      .innerJoin(newest, and(eq(newest.name, pipelines.name), eq(newest.version, pipelines.version)))
      .orderBy(pipelines.name)
      .all();
  });
}

export function listPipelineVersions(connection: Connection, name: string): PipelineVersion[] {
  return connection.read(() =>
    offered(connection)
      .where(and(eq(pipelines.name, name), eq(pipelines.deletedMs, 0)))
      .orderBy(desc(pipelines.version))
      .all(),
  );
}

export function deletePipeline(connection: Connection, name: string, nowMs: number): Promise<number> {
  return connection.write(() => {
    dropSchedules(connection, name);
    const { changes } = connection.db
      .update(pipelines)
      .set({ deletedMs: nowMs })
      .where(and(eq(pipelines.name, name), eq(pipelines.deletedMs, 0)))
      .run();
    return Number(changes);
  });
}

function offered(connection: Connection) {
  const { deletedMs: _, ...columns } = getTableColumns(pipelines);
  return connection.db.select(columns).from(pipelines).$dynamic();
}
