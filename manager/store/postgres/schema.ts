import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { ExecutorTlsRow } from '../executor-store.ts';

/**
 * The tables of the shared store; they mean what those of sqlite/schema.ts mean. After a change:
 * `npm run migrations:postgres -- what_changed`, which writes the migration and embeds it; a migration that was
 * released is never edited. How tables are kept (partitions, free room, vacuum) is in storage.ts.
 */

export { deliveries, deliveryTries, disabledHooks, schedules } from './schema-hooks.ts';

/** Compared and sorted byte by byte, as SQLite does, whatever the locale of the database is. */
const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

/** Texts by text or in a list, as JSON. Not jsonb: it takes no NUL character. */
const json = customType<{ data: unknown; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (value) => JSON.parse(value),
});

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

export const pipelines = pgTable(
  'pipelines',
  {
    name: text().notNull(),
    version: integer().notNull(),
    specJson: text('spec_json').notNull(),
    source: text().notNull(),
    baseDir: text('base_dir').notNull(),
    description: text().notNull(),
    labels: json().$type<Record<string, string>>().notNull(),
    processorCount: integer('processor_count').notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    deletedMs: doublePrecision('deleted_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.name, table.version] })],
);

/**
 * The lease of a run is in its row, so that one update is fence, numbering and listing. No index has a column that
 * changes with every commit: while a run goes on its updates stay in their page (HOT).
 */
export const runs = pgTable(
  'runs',
  {
    runId: text('run_id').primaryKey(),
    pipeline: text().notNull(),
    version: integer().notNull(),
    state: integer().notNull(),
    reason: text().notNull(),
    message: text().notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    endedMs: doublePrecision('ended_ms').notNull(),
    labels: json().$type<Record<string, string>>().notNull(),
    paramsJson: text('params_json').notNull(),
    idle: integer().notNull(),
    running: integer().notNull(),
    failed: integer().notNull(),
    succeeded: integer().notNull(),
    warnings: json().$type<string[]>().notNull(),
    cancelRequested: boolean('cancel_requested').notNull(),
    seq: integer().notNull(),
    /** The last epoch that was given out. */
    epoch: integer().notNull(),
    /** Who owns it, or null. */
    managerId: text('manager_id'),
    /** The claim that gave it to its owner: one whose answer was lost is known again. */
    claim: text().notNull(),
    /** See store/shard.ts. */
    shard: integer().notNull(),
  },
  (table) => [
    index('runs_by_state').on(table.state, table.runId),
    index('runs_by_pipeline').on(table.pipeline, table.runId),
    index('runs_by_manager').on(table.managerId).where(sql`manager_id IS NOT NULL`),
  ],
);

/** Partitioned by the time that ids begin with. */
export const batches = pgTable(
  'batches',
  {
    runId: text('run_id').notNull(),
    lastSeq: integer('last_seq').notNull(),
    firstSeq: integer('first_seq').notNull(),
    events: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.lastSeq] })],
);

/** Limits and leases with a name of their own. */
export const leases = pgTable(
  'leases',
  {
    kind: text().notNull(),
    key: text().notNull(),
    holder: text().notNull(),
    /** Of the centre: its term. */
    epoch: integer().notNull(),
    runId: text('run_id').notNull(),
    /** By the clock of the database, in milliseconds; 0 for limits. */
    expiresMs: doublePrecision('expires_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.key, table.holder] }),
    uniqueIndex('leases_one_holder').on(table.kind, table.key).where(sql`kind <> 'limit'`),
    index('leases_by_holder').on(table.holder),
    index('leases_by_run').on(table.runId).where(sql`kind = 'limit'`),
  ],
);

/** When which manager became the centre. */
export const terms = pgTable('terms', {
  epoch: integer().primaryKey().generatedAlwaysAsIdentity(),
  managerId: text('manager_id').notNull(),
  startedMs: doublePrecision('started_ms').notNull(),
});

/** Times as the managers wrote them: nobody compares them with a clock of another machine, see liveness.ts. */
export const managers = pgTable('managers', {
  managerId: text('manager_id').primaryKey(),
  kind: text().$type<'cli' | 'background' | 'daemon'>().notNull(),
  pid: integer().notNull(),
  pidStart: doublePrecision('pid_start').notNull(),
  hostname: text().notNull(),
  startedMs: doublePrecision('started_ms').notNull(),
  heartbeatMs: doublePrecision('heartbeat_ms').notNull(),
  expiresMs: doublePrecision('expires_ms').notNull(),
  roles: json().$type<('api' | 'runs')[]>().notNull(),
  draining: boolean().notNull(),
  url: text().notNull(),
  runs: integer().notNull(),
  loads: json().$type<Record<string, number>>().notNull(),
  machine: text().notNull(),
});

export const commands = pgTable(
  'commands',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    runId: text('run_id').notNull(),
    kind: text().$type<'cancel'>().notNull(),
    message: text().notNull(),
  },
  (table) => [index('commands_by_run').on(table.runId)],
);

export const executors = pgTable(
  'executors',
  {
    executorId: text('executor_id').primaryKey(),
    launcher: text().$type<'local' | 'remote' | 'registered'>().notNull(),
    address: text().notNull(),
    token: text().notNull(),
    pid: integer().notNull(),
    pidStart: doublePrecision('pid_start').notNull(),
    version: text().notNull(),
    slots: integer().notNull(),
    environmentHash: text('environment_hash').notNull(),
    startedMs: doublePrecision('started_ms').notNull(),
    machine: text().notNull(),
    hostname: text().notNull().default(sql`''`),
    tls: json().$type<ExecutorTlsRow>(),
    name: text().notNull().default(sql`''`),
    labels: json().$type<Record<string, string>>().notNull().default(sql`'{}'`),
    drainingMs: doublePrecision('draining_ms').notNull().default(0),
  },
  (table) => [
    uniqueIndex('executors_one_name').on(table.name).where(sql`launcher = 'registered'`),
    uniqueIndex('executors_one_address').on(table.address).where(sql`launcher = 'registered'`),
  ],
);

export const catalogues = pgTable('catalogues', {
  build: text().primaryKey(),
  json: text().notNull(),
});

export const cacheEntries = pgTable(
  'cache_entries',
  {
    key: text().primaryKey(),
    pipeline: text().notNull(),
    processor: text().notNull(),
    runId: text('run_id').notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    result: bytea().notNull(),
  },
  (table) => [
    index('cache_entries_by_processor').on(table.pipeline, table.processor, table.runId, table.createdMs),
    index('cache_entries_by_run').on(table.runId),
  ],
);

export const fileStamps = pgTable('file_stamps', {
  path: text().primaryKey(),
  size: doublePrecision().notNull(),
  mtimeNs: text('mtime_ns').notNull(),
  ctimeNs: text('ctime_ns').notNull(),
  inode: text().notNull(),
  hash: text().notNull(),
});

export const fileLinks = pgTable(
  'file_links',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    hash: text().notNull(),
    runId: text('run_id').notNull(),
    processor: text().notNull(),
    attempt: integer().notNull(),
    role: text().$type<'made' | 'value' | 'used' | 'kept'>().notNull(),
    name: text().notNull(),
    size: doublePrecision().notNull(),
    folder: boolean().notNull(),
    mediaType: text('media_type').notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    originRunId: text('origin_run_id').notNull(),
    originAttempt: integer('origin_attempt').notNull(),
  },
  (table) => [
    index('file_links_by_hash').on(table.hash, table.runId),
    index('file_links_by_run').on(table.runId, table.processor),
    index('file_links_kept').on(table.runId).where(sql`role = 'kept'`),
  ],
);

export const recordSets = pgTable(
  'record_sets',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tableName: text('table_name').notNull(),
    runId: text('run_id').notNull(),
    pipeline: text().notNull(),
    processor: text().notNull(),
    recordedMs: doublePrecision('recorded_ms').notNull(),
    rowCount: integer('row_count').notNull(),
  },
  (table) => [index('record_sets_by_table').on(table.tableName), index('record_sets_by_run').on(table.runId)],
);

export const records = pgTable(
  'records',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    setId: bigint('set_id', { mode: 'number' }).notNull(),
    /** The values as an array, each at the place of its column. */
    row: jsonb().notNull(),
  },
  (table) => [index('records_by_set').on(table.setId)],
);

export const recordColumns = pgTable(
  'record_columns',
  {
    tableName: text('table_name').notNull(),
    place: integer().notNull(),
    name: text().notNull(),
    type: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tableName, table.place] })],
);

export const tokens = pgTable(
  'tokens',
  {
    tokenId: text('token_id').primaryKey(),
    name: text().notNull(),
    role: integer().notNull(),
    scopes: json().$type<string[]>().notNull(),
    hash: text().notNull(),
    createdBy: text('created_by').notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    expiresMs: doublePrecision('expires_ms').notNull(),
    revokedMs: doublePrecision('revoked_ms').notNull(),
    lastUsedMs: doublePrecision('last_used_ms').notNull(),
  },
  (table) => [uniqueIndex('tokens_by_name').on(table.name).where(sql`revoked_ms = 0`)],
);

export const users = pgTable('users', {
  name: text().primaryKey(),
  role: integer().notNull(),
  passwordHash: text('password_hash').notNull(),
  createdBy: text('created_by').notNull(),
  createdMs: doublePrecision('created_ms').notNull(),
  passwordMs: doublePrecision('password_ms').notNull(),
});

/** By id is by time: no other index. */
export const audit = pgTable('audit', {
  entryId: text('entry_id').primaryKey(),
  atMs: doublePrecision('at_ms').notNull(),
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

/** What programs wrote, in the order in which it came. Partitioned as the journal is. */
export const logChunks = pgTable(
  'log_chunks',
  {
    runId: text('run_id').notNull(),
    processor: text().notNull(),
    attempt: integer().notNull(),
    /** Counts from 1 within the attempt; gives a reader its place. */
    position: integer().notNull(),
    /** LogStream. */
    stream: integer().notNull(),
    /** Of the first byte in its stream. */
    byteOffset: doublePrecision('byte_offset').notNull(),
    /** Of the first byte, from 1. */
    line: doublePrecision().notNull(),
    lineFeeds: integer('line_feeds').notNull(),
    unixMs: doublePrecision('unix_ms').notNull(),
    /** Bytes of the other stream that were kept when this was written. */
    otherOffset: doublePrecision('other_offset').notNull(),
    data: bytea().notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.processor, table.attempt, table.position] })],
);
