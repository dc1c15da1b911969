import { and, desc, eq, getTableColumns, max } from 'drizzle-orm';
import type { AppliedVersion, NewPipeline, PipelineVersion } from '../store.ts';
import type { Connection, Query } from './connection.ts';
import { clean } from './literals.ts';
import { dropSchedules, replaceSchedules } from './schedules.ts';
import { pipelines } from './schema.ts';

/** One of the two numbers of an advisory lock; the other says which of ours it is. */
const LOCK = 'SELECT pg_advisory_xact_lock(2002874929, 1)';
const BEFORE = `SELECT name, version, spec_json AS "specJson", source, base_dir AS "baseDir", description, labels,
    processor_count AS "processorCount", created_ms AS "createdMs"
  FROM pipelines WHERE name = $1 AND deleted_ms = 0 ORDER BY version DESC LIMIT 1`;
// Counts the deleted ones too.
const LAST_VERSION = 'SELECT coalesce(max(version), 0) AS version FROM pipelines WHERE name = $1';
const INSERT = `INSERT INTO pipelines (name, version, spec_json, source, base_dir, description, labels,
    processor_count, created_ms, deleted_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`;
const DELETE = 'UPDATE pipelines SET deleted_ms = $2 WHERE name = $1 AND deleted_ms = 0 RETURNING 1';
const DELETED = 'SELECT 1 FROM pipelines WHERE name = $1 AND deleted_ms = $2';

/** Thrown inside the transaction of a dry run, so that nothing of it is stored. */
class Dry extends Error {
  readonly applied: AppliedVersion[];
  constructor(applied: AppliedVersion[]) {
    super('dry run');
    this.applied = applied;
  }
}

export async function applyPipelines(
  connection: Connection,
  wanted: NewPipeline[],
  nowMs: number,
  dryRun: boolean,
): Promise<AppliedVersion[]> {
  return connection.patiently(async () => {
    try {
      return await connection.once.transaction(async (query) => {
        // One after the other: who applies the same pipeline sees the version before.
        await query(LOCK);
        const applied: AppliedVersion[] = [];
        for (const pipeline of wanted) applied.push(await apply(query, pipeline, nowMs));
        if (dryRun) throw new Dry(applied);
        return applied;
      });
    } catch (error) {
      if (error instanceof Dry) return error.applied;
      throw error;
    }
  });
}

async function apply(query: Query, wanted: NewPipeline, nowMs: number): Promise<AppliedVersion> {
  const { name } = wanted;
  const [row] = await query(BEFORE, [name]);
  const before =
    row === undefined
      ? undefined
      : ({ ...row, labels: JSON.parse(row.labels as string) } as unknown as PipelineVersion);
  if (before?.specJson === wanted.specJson) {
    return { name, version: before.version, before, changed: false };
  }
  const [last] = await query(LAST_VERSION, [name]);
  const version = (last!.version as number) + 1;
  await query(INSERT, [
    name,
    version,
    wanted.specJson,
    clean(wanted.source),
    clean(wanted.baseDir),
    clean(wanted.description),
    JSON.stringify(wanted.labels),
    wanted.processorCount,
    nowMs,
  ]);
  await replaceSchedules(query, name, version, wanted.schedules ?? []);
  return { name, version, before, changed: true };
}

export async function getPipeline(
  connection: Connection,
  name: string,
  version: number,
): Promise<PipelineVersion | undefined> {
  const which = version === 0 ? undefined : eq(pipelines.version, version);
  const rows = await connection.ask((db) =>
    db
      .select(OFFERED)
      .from(pipelines)
      .where(and(eq(pipelines.name, name), eq(pipelines.deletedMs, 0), which))
      .orderBy(desc(pipelines.version))
      .limit(1),
  );
  return rows[0];
}

export function listPipelines(connection: Connection): Promise<PipelineVersion[]> {
  return connection.ask((db) => {
    const newest = db
      .select({ name: pipelines.name, version: max(pipelines.version).as('version') })
      .from(pipelines)
      .where(eq(pipelines.deletedMs, 0))
      .groupBy(pipelines.name)
      .as('newest');
    return db
      .select(OFFERED)
      .from(pipelines)
      .innerJoin(newest, and(eq(newest.name, pipelines.name), eq(newest.version, pipelines.version)))
      .orderBy(pipelines.name);
  });
}

export function listPipelineVersions(connection: Connection, name: string): Promise<PipelineVersion[]> {
  return connection.ask((db) =>
    db
      .select(OFFERED)
      .from(pipelines)
      .where(and(eq(pipelines.name, name), eq(pipelines.deletedMs, 0)))
      .orderBy(desc(pipelines.version)),
  );
}

export async function deletePipeline(connection: Connection, name: string, nowMs: number): Promise<number> {
  return connection.patiently(async (tries) => {
    const rows = await connection.once.transaction(async (query) => {
      await dropSchedules(query, name);
      return query(DELETE, [name, nowMs]);
    });
    // The answer to an earlier try may have been lost.
    return tries === 0 || rows.length > 0
      ? rows.length
      : (await connection.query(DELETED, [name, nowMs])).length;
  });
}

const { deletedMs: _, ...OFFERED } = getTableColumns(pipelines);
