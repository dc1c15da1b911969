import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteBoolean, type SQLiteColumn, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import * as schema from '../sqlite/schema.ts';

/**
 * What a backup or a copy of a store takes with it: tables and columns as both kinds of stores have them. A test looks that
 * every table and column of their schemas is in it, or in LEFT_OUT.
 */

/** `json` is a value of records, which each kind keeps in its own binary form; it travels as its text. */
export type ColumnKind = 'text' | 'integer' | 'real' | 'boolean' | 'bytes' | 'json';

export interface Table {
  name: string;
  columns: Record<string, ColumnKind>;
  /** What they are read by, so that two stores with the same rows are the same to the byte. */
  order: string[];
  /** Only these. */
  where?: string;
  /** Columns that mean something in their own store only, and what stands for them elsewhere. */
  constant?: Record<string, string | number>;
  /** A column that the store counts up by itself. */
  counted?: string;
}

/** In this order: what runs are of is there before their journal. */
export const TABLES: Table[] = [
  tableOf(schema.pipelines),
  tableOf(schema.runs),
  tableOf(schema.batches),
  // Limits are held for runs, and the runs go on. All else is held by somebody who stays behind.
  tableOf(schema.leases, { where: "kind = 'limit'" }),
  // No epoch may be given out twice.
  tableOf(schema.terms, { counted: 'epoch' }),
  tableOf(schema.cacheEntries),
  tableOf(schema.fileStamps),
  tableOf(schema.fileLinks, { counted: 'id' }),
  tableOf(schema.recordSets, { counted: 'id' }),
  tableOf(schema.recordColumns),
  tableOf(schema.records, { counted: 'id' }, { row: 'json' }),
  tableOf(schema.catalogues),
  // Local ones are processes of a machine, which their managers know.
  tableOf(schema.executors, { where: "launcher = 'registered'" }),
  tableOf(schema.tokens),
  tableOf(schema.users),
  tableOf(schema.audit),
  // The manager that tries it is not there.
  tableOf(schema.deliveries, { constant: { holder: '', held_until_ms: 0 } }),
  tableOf(schema.deliveryTries),
  tableOf(schema.disabledHooks),
  tableOf(schema.schedules),
];

/** All columns, as SQLite has them, read by the primary key. */
function tableOf(
  of: SQLiteTable,
  rules: Pick<Table, 'where' | 'constant' | 'counted'> = {},
  kinds: Record<string, ColumnKind> = {},
): Table {
  const { name, columns, primaryKeys } = getTableConfig(of);
  const keys = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  return {
    name,
    columns: Object.fromEntries(columns.map((column) => [column.name, kinds[column.name] ?? kindOf(column)])),
    order: keys.map((column) => column.name),
    ...rules,
  };
}

function kindOf(column: SQLiteColumn): ColumnKind {
  if (is(column, SQLiteBoolean)) return 'boolean';
  const type = column.getSQLType();
  return type === 'blob' ? 'bytes' : (type as ColumnKind);
}

/** Logs as both kinds of stores tell them: what a program wrote, chunk by chunk, in the order it came in each attempt. How
 *  each keeps them is its own: files beside SQLite, `log_chunks` in PostgreSQL. */
export const LOGS: Table = {
  name: 'logs',
  columns: {
    run_id: 'text',
    processor: 'text',
    attempt: 'integer',
    stream: 'integer',
    byte_offset: 'real',
    line: 'real',
    unix_ms: 'real',
    data: 'bytes',
  },
  order: ['run_id', 'processor', 'attempt', 'position'],
};

export const ALL: Table[] = [...TABLES, LOGS];

/** Tables, and columns as TABLE.COLUMN, that stay behind, and why. */
export const LEFT_OUT: Record<string, string> = {
  managers: 'who works on the store it comes from does not work on the other one',
  commands: 'asked of a manager that is not there; whoever asked asks again',
  'runs.manager_id': 'runs that go on are owned by nobody, and the next manager takes them',
  'runs.claim': 'of the owner that stays behind',
  log_chunks: 'as LOGS',
};
