import { sql } from 'drizzle-orm';
import {
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
} from 'drizzle-orm/pg-core';

/** Tables of the shared store for hooks and schedules, see schema.ts. */

const text = customType<{ data: string }>({ dataType: () => 'text COLLATE "C"' });

export const deliveries = pgTable(
  'deliveries',
  {
    deliveryId: text('delivery_id').primaryKey(),
    hookKey: text('hook_key').notNull(),
    runId: text('run_id').notNull(),
    pipeline: text().notNull(),
    event: text().notNull(),
    processor: text().notNull(),
    createdMs: doublePrecision('created_ms').notNull(),
    target: text().notNull(),
    body: text().notNull(),
    timeoutMs: doublePrecision('timeout_ms').notNull(),
    state: text().notNull(),
    tries: integer().notNull(),
    triesBefore: integer('tries_before').notNull(),
    nextMs: doublePrecision('next_ms').notNull(),
    endedMs: doublePrecision('ended_ms').notNull(),
    error: text().notNull(),
    holder: text().notNull(),
    heldUntilMs: doublePrecision('held_until_ms').notNull(),
  },
  (table) => [
    index('deliveries_due').on(table.nextMs).where(sql`state = 'pending'`),
    index('deliveries_by_run').on(table.runId, table.createdMs),
    index('deliveries_by_time').on(table.createdMs, table.deliveryId),
  ],
);

export const deliveryTries = pgTable(
  'delivery_tries',
  {
    deliveryId: text('delivery_id').notNull(),
    attempt: integer().notNull(),
    startedMs: doublePrecision('started_ms').notNull(),
    durationMs: doublePrecision('duration_ms').notNull(),
    status: integer().notNull(),
    error: text().notNull(),
    output: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.deliveryId, table.attempt] })],
);

export const disabledHooks = pgTable('disabled_hooks', {
  hookKey: text('hook_key').primaryKey(),
  disabledMs: doublePrecision('disabled_ms').notNull(),
});

export const schedules = pgTable(
  'schedules',
  {
    pipeline: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    definition: text().notNull(),
    timeZone: text('time_zone').notNull(),
    paused: boolean().notNull(),
    pausedByFile: boolean('paused_by_file').notNull(),
    nextMs: doublePrecision('next_ms').notNull(),
    waiting: text().notNull(),
    lastMs: doublePrecision('last_ms').notNull(),
    lastRunId: text('last_run_id').notNull(),
    lastOutcome: text('last_outcome').notNull(),
    revision: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.pipeline, table.name] })],
);
