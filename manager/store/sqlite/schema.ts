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
import type { ExecutorTlsRow } from '../executor-store.ts';

/**
 * The tables of the embedded store. After a change: `npm run migrations -- --name what_changed`, which writes
 * the migration and embeds it; a migration that was released is never edited.
 */

export { deliveries, deliveryTries, disabledHooks, schedules } from './schema-hooks.ts';

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
    /** See store/shard.ts. */
    shard: integer().notNull().default(0),
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
 * the manager lives. Kind `centre`: holder is the manager, epoch that of its term; valid as long. Kind `limit`: any number of holders for a key, each on behalf of a run. Other kinds are
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

/** When which manager became the centre. */
export const terms = sqliteTable('terms', {
  epoch: integer().primaryKey({ autoIncrement: true }),
  managerId: text('manager_id').notNull(),
  startedMs: real('started_ms').notNull(),
});

export const managers = sqliteTable('managers', {
  managerId: text('manager_id').primaryKey(),
  kind: text().$type<'cli' | 'background' | 'daemon'>().notNull(),
  pid: integer().notNull(),
  pidStart: real('pid_start').notNull(),
  hostname: text().notNull(),
  startedMs: real('started_ms').notNull(),
  heartbeatMs: real('heartbeat_ms').notNull(),
  expiresMs: real('expires_ms').notNull(),
  roles: text({ mode: 'json' }).$type<('api' | 'runs')[]>().notNull().default(['api', 'runs']),
  draining: integer({ mode: 'boolean' }).notNull().default(false),
  url: text().notNull().default(''),
  runs: integer().notNull().default(0),
  loads: text({ mode: 'json' }).$type<Record<string, number>>().notNull().default({}),
  machine: text().notNull().default(''),
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

export const executors = sqliteTable(
  'executors',
  {
    executorId: text('executor_id').primaryKey(),
    launcher: text().$type<'local' | 'remote' | 'registered'>().notNull(),
    address: text().notNull(),
    token: text().notNull(),
    pid: integer().notNull(),
    pidStart: real('pid_start').notNull(),
    version: text().notNull(),
    slots: integer().notNull(),
    environmentHash: text('environment_hash').notNull(),
    startedMs: real('started_ms').notNull(),
    machine: text().notNull().default(''),
    hostname: text().notNull().default(''),
    tls: text({ mode: 'json' }).$type<ExecutorTlsRow>(),
    name: text().notNull().default(''),
    labels: text({ mode: 'json' }).$type<Record<string, string>>().notNull().default({}),
    drainingMs: real('draining_ms').notNull().default(0),
  },
  (table) => [
    uniqueIndex('executors_one_name').on(table.name).where(sql`launcher = 'registered'`),
    uniqueIndex('executors_one_address').on(table.address).where(sql`launcher = 'registered'`),
  ],
);

export const catalogues = sqliteTable('catalogues', {
  build: text().primaryKey(),
  json: text().notNull(),
});

/** Results of attempts by what they depend on. Entries of runs that were deleted are deleted with them. */
export const cacheEntries = sqliteTable(
  'cache_entries',
  {
    key: text().primaryKey(),
    pipeline: text().notNull(),
    processor: text().notNull(),
    runId: text('run_id').notNull(),
    createdMs: real('created_ms').notNull(),
    /** ProcessorReused, protobuf. */
    result: blob({ mode: 'buffer' }).notNull(),
  },
  (table) => [
    index('cache_entries_by_processor').on(table.pipeline, table.processor, table.runId, table.createdMs),
    index('cache_entries_by_run').on(table.runId),
  ],
);

/** Hashes of files on disk, so that a file that did not change is read once. */
export const fileStamps = sqliteTable('file_stamps', {
  path: text().primaryKey(),
  size: real().notNull(),
  mtimeNs: text('mtime_ns').notNull(),
  ctimeNs: text('ctime_ns').notNull(),
  inode: text().notNull(),
  hash: text().notNull(),
});

/** Which run refers to which file. The pipeline is that of the run. */
export const fileLinks = sqliteTable(
  'file_links',
  {
    /** In the order they were written. */
    id: integer().primaryKey(),
    hash: text().notNull(),
    runId: text('run_id').notNull(),
    processor: text().notNull(),
    attempt: integer().notNull(),
    role: text().$type<'made' | 'value' | 'used' | 'kept'>().notNull(),
    name: text().notNull(),
    size: real().notNull(),
    folder: integer({ mode: 'boolean' }).notNull(),
    mediaType: text('media_type').notNull(),
    createdMs: real('created_ms').notNull(),
    originRunId: text('origin_run_id').notNull(),
    originAttempt: integer('origin_attempt').notNull(),
  },
  (table) => [
    index('file_links_by_hash').on(table.hash, table.runId),
    index('file_links_by_run').on(table.runId, table.processor),
    index('file_links_kept').on(table.runId).where(sql`role = 'kept'`),
  ],
);

/** What one processor of one run recorded in one table. The names of two tables differ in more than case. */
export const recordSets = sqliteTable(
  'record_sets',
  {
    id: integer().primaryKey(),
    tableName: text('table_name').notNull(),
    runId: text('run_id').notNull(),
    pipeline: text().notNull(),
    processor: text().notNull(),
    recordedMs: real('recorded_ms').notNull(),
    rowCount: integer('row_count').notNull(),
  },
  (table) => [index('record_sets_by_table').on(table.tableName), index('record_sets_by_run').on(table.runId)],
);

export const records = sqliteTable(
  'records',
  {
    id: integer().primaryKey(),
    setId: integer('set_id').notNull(),
    /** The values as a JSON array (SQLite's JSONB), each at the place of its column. */
    row: blob({ mode: 'buffer' }).notNull(),
  },
  (table) => [index('records_by_set').on(table.setId)],
);

/** The columns that the rows of a table have had, with what was written to them. */
export const recordColumns = sqliteTable(
  'record_columns',
  {
    tableName: text('table_name').notNull(),
    /** From 0; where the value is in a row. */
    place: integer().notNull(),
    name: text().notNull(),
    /** Empty while only null was written. */
    type: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tableName, table.place] })],
);

export const tokens = sqliteTable(
  'tokens',
  {
    tokenId: text('token_id').primaryKey(),
    name: text().notNull(),
    role: integer().notNull(),
    scopes: text({ mode: 'json' }).$type<string[]>().notNull(),
    hash: text().notNull(),
    createdBy: text('created_by').notNull(),
    createdMs: real('created_ms').notNull(),
    expiresMs: real('expires_ms').notNull(),
    revokedMs: real('revoked_ms').notNull(),
    lastUsedMs: real('last_used_ms').notNull(),
  },
  (table) => [uniqueIndex('tokens_by_name').on(table.name).where(sql`revoked_ms = 0`)],
);

export const users = sqliteTable('users', {
  name: text().primaryKey(),
  role: integer().notNull(),
  passwordHash: text('password_hash').notNull(),
  createdBy: text('created_by').notNull(),
  createdMs: real('created_ms').notNull(),
  passwordMs: real('password_ms').notNull(),
});

/** By id is by time: no other index, so that an entry costs one page. */
export const audit = sqliteTable('audit', {
  entryId: text('entry_id').primaryKey(),
  atMs: real('at_ms').notNull(),
  actor: text().notNull(),
  kind: text().notNull(),
  credential: text().notNull(),
  method: text().notNull(),
  target: text().notNull(),
  outcome: text().notNull(),
  peer: text().notNull(),
  managerId: text('manager_id').notNull(),
  traceId: text('trace_id').notNull(),
  calls: integer().notNull(),
});
