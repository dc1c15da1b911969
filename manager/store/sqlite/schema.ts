import { sql } from 'drizzle-orm';
import {
  blob,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';

/**
 * The tables of the embedded store. After a change: `npm run migrations -- --name what_changed`, which writes
 * the migration and embeds it; a migration that was released is never edited.
 */

export const pipelines = sqliteTable(
  'pipelines',
  {
    name: text().notNull(),
    version: integer().notNull(),
    specJson: text('spec_json').notNull(),
    source: text().notNull(),
    baseDir: text('base_dir').notNull(),
    description: text().notNull(),
    labels: text({ mode: 'json' }).$type<Record<string, string>>().notNull(),
    processorCount: integer('processor_count').notNull(),
    createdMs: real('created_ms').notNull(),
    /** 0 while the version is offered. The row stays, so that versions go on counting. */
    deletedMs: real('deleted_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.name, table.version] })],
);

export const runs = sqliteTable(
  'runs',
  {
    runId: text('run_id').primaryKey(),
    pipeline: text().notNull(),
    version: integer().notNull(),
    state: integer().notNull(),
    reason: text().notNull(),
    message: text().notNull(),
    createdMs: real('created_ms').notNull(),
    endedMs: real('ended_ms').notNull(),
    labels: text({ mode: 'json' }).$type<Record<string, string>>().notNull(),
    paramsJson: text('params_json').notNull(),
    idle: integer().notNull(),
    running: integer().notNull(),
    failed: integer().notNull(),
    succeeded: integer().notNull(),
    warnings: text({ mode: 'json' }).$type<string[]>().notNull(),
    cancelRequested: integer('cancel_requested', { mode: 'boolean' }).notNull(),
    seq: integer().notNull(),
    /** The last epoch that was given out; the lease of the present owner, if there is one, carries the same. */
    epoch: integer().notNull(),
  },
  // Ids sort by time, so both serve "newest first".
  (table) => [
    index('runs_by_state').on(table.state, table.runId),
    index('runs_by_pipeline').on(table.pipeline, table.runId),
  ],
);

/** Events that were committed together. By the last number, so that "after N" is one seek. */
export const batches = sqliteTable(
  'batches',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.runId),
    lastSeq: integer('last_seq').notNull(),
    firstSeq: integer('first_seq').notNull(),
    /** EventBatch, protobuf. */
    events: blob({ mode: 'buffer' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.lastSeq] })],
);

/**
 * Everything that is held. Kind `run`: key is the run, holder the manager, epoch the fence; valid as long as
 * the manager lives. Kind `limit`: any number of holders for a key, each on behalf of a run. Other kinds are
 * leases with a name of their own, valid until they expire.
 */
export const leases = sqliteTable(
  'leases',
  {
    kind: text().notNull(),
    key: text().notNull(),
    holder: text().notNull(),
    epoch: integer().notNull().default(0),
    /** The run that a limit is held for; empty for other kinds. */
    runId: text('run_id').notNull().default(''),
    expiresMs: real('expires_ms').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.key, table.holder] }),
    uniqueIndex('leases_one_holder').on(table.kind, table.key).where(sql`kind <> 'limit'`),
    index('leases_by_holder').on(table.holder),
    index('leases_by_run').on(table.runId).where(sql`kind = 'limit'`),
  ],
);

export const managers = sqliteTable('managers', {
  managerId: text('manager_id').primaryKey(),
  kind: text().$type<'cli' | 'background'>().notNull(),
  pid: integer().notNull(),
  pidStart: real('pid_start').notNull(),
  hostname: text().notNull(),
  startedMs: real('started_ms').notNull(),
  heartbeatMs: real('heartbeat_ms').notNull(),
  expiresMs: real('expires_ms').notNull(),
});

export const commands = sqliteTable(
  'commands',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    runId: text('run_id')
      .notNull()
      .references(() => runs.runId),
    kind: text().$type<'cancel'>().notNull(),
    message: text().notNull(),
  },
  (table) => [index('commands_by_run').on(table.runId)],
);

export const executors = sqliteTable('executors', {
  executorId: text('executor_id').primaryKey(),
  launcher: text().$type<'local' | 'remote'>().notNull(),
  address: text().notNull(),
  token: text().notNull(),
  pid: integer().notNull(),
  pidStart: real('pid_start').notNull(),
  version: text().notNull(),
  slots: integer().notNull(),
  environmentHash: text('environment_hash').notNull(),
  startedMs: real('started_ms').notNull(),
});

export const catalogues = sqliteTable('catalogues', {
  build: text().primaryKey(),
  json: text().notNull(),
});
