import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Tables of the embedded store for hooks and schedules, see schema.ts. */

/** What hooks are told; see ../deliveries.ts. */
export const deliveries = sqliteTable(
  'deliveries',
  {
    deliveryId: text('delivery_id').primaryKey(),
    hookKey: text('hook_key').notNull(),
    runId: text('run_id').notNull(),
    pipeline: text().notNull(),
    event: text().notNull(),
    processor: text().notNull(),
    createdMs: real('created_ms').notNull(),
    target: text().notNull(),
    body: text().notNull(),
    timeoutMs: real('timeout_ms').notNull(),
    state: text().$type<'pending' | 'acknowledged' | 'failed' | 'disabled'>().notNull(),
    tries: integer().notNull().default(0),
    triesBefore: integer('tries_before').notNull().default(0),
    nextMs: real('next_ms').notNull(),
    endedMs: real('ended_ms').notNull().default(0),
    error: text().notNull().default(''),
    /** The manager that tries it, and until when it has it alone. */
    holder: text().notNull().default(''),
    heldUntilMs: real('held_until_ms').notNull().default(0),
  },
  (table) => [
    index('deliveries_due').on(table.nextMs).where(sql`state = 'pending'`),
    index('deliveries_by_run').on(table.runId, table.createdMs),
    index('deliveries_by_time').on(table.createdMs, table.deliveryId),
  ],
);

export const deliveryTries = sqliteTable(
  'delivery_tries',
  {
    deliveryId: text('delivery_id').notNull(),
    attempt: integer().notNull(),
    startedMs: real('started_ms').notNull(),
    /** Negative while it goes on. */
    durationMs: real('duration_ms').notNull().default(-1),
    status: integer().notNull().default(0),
    error: text().notNull().default(''),
    output: text().notNull().default(''),
  },
  (table) => [primaryKey({ columns: [table.deliveryId, table.attempt] })],
);

/** Hooks whose receiver said that it is gone. */
export const disabledHooks = sqliteTable('disabled_hooks', {
  hookKey: text('hook_key').primaryKey(),
  disabledMs: real('disabled_ms').notNull(),
});

/** Schedules of the newest version of each pipeline; see ../schedules.ts. */
export const schedules = sqliteTable(
  'schedules',
  {
    pipeline: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    definition: text().notNull(),
    timeZone: text('time_zone').notNull(),
    paused: integer({ mode: 'boolean' }).notNull(),
    pausedByFile: integer('paused_by_file', { mode: 'boolean' }).notNull(),
    nextMs: real('next_ms').notNull(),
    /** Times of fires that wait, a JSON array. */
    waiting: text().notNull().default('[]'),
    lastMs: real('last_ms').notNull().default(0),
    lastRunId: text('last_run_id').notNull().default(''),
    lastOutcome: text('last_outcome').notNull().default(''),
    revision: integer().notNull().default(1),
  },
  (table) => [primaryKey({ columns: [table.pipeline, table.name] })],
);
