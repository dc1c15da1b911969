import { columnsOf, type RecordColumn, type StoredColumn, toldColumns, valuesOf } from '../record-columns.ts';
import type { NewRecords, RecordTable, RunRow } from '../store.ts';
import type { Connection, Query } from './connection.ts';
import { numbers, texts } from './literals.ts';
import { viewColumns, viewNames } from './record-views.ts';

/**
 * Records: rows of JSON values, each at the place of its column, so that no name of a column is ever part of a
 * statement that writes. Columns are added as rows bring them, with the type of what was written.
 */

/** Rows of one statement, and characters of JSON in it, about. */
const ROWS_AT_ONCE = 5_000;
const TEXT_AT_ONCE = 8 << 20;

/** Who adds columns to tables waits for who does so already. */
const LOCK = 'SELECT pg_advisory_xact_lock(2002874929, 2)';
// Names of tables that differ in case only are one, as in SQLite.
const SPELLING = 'SELECT table_name FROM record_sets WHERE lower(table_name) = lower($1 COLLATE "C") LIMIT 1';
const COLUMNS = 'SELECT name, type FROM record_columns WHERE table_name = $1 ORDER BY place';
const PUT_COLUMNS = `INSERT INTO record_columns (table_name, place, name, type)
  SELECT $1, i.place, i.name, i.type FROM unnest($2::int4[], $3::text[], $4::text[]) AS i (place, name, type)
  ON CONFLICT (table_name, place) DO UPDATE SET type = excluded.type`;
const INSERT_SET = `INSERT INTO record_sets (table_name, run_id, pipeline, processor, recorded_ms, row_count)
  VALUES ($1, $2, $3, $4, $5, $6) RETURNING id::float8`;
const INSERT_ROWS = `INSERT INTO records (set_id, row)
  SELECT $1::int8, i.row::jsonb FROM unnest($2::text[]) WITH ORDINALITY AS i (row, n) ORDER BY i.n`;
const DROP_ROWS = `DELETE FROM records WHERE set_id IN
  (SELECT id FROM record_sets WHERE run_id = ANY ($1::text[]))`;
const DROP_SETS = 'DELETE FROM record_sets WHERE run_id = ANY ($1::text[]) RETURNING 1';
const DROP_COLUMNS = `DELETE FROM record_columns
  WHERE NOT EXISTS (SELECT 1 FROM record_sets WHERE record_sets.table_name = record_columns.table_name)`;
const TABLES = `SELECT table_name AS name, sum(row_count)::float8 AS rows FROM record_sets GROUP BY table_name
  ORDER BY table_name`;

/** Inside a transaction: what the run recorded, in place of what it had recorded before. */
export async function replaceRecords(
  query: Query,
  run: RunRow,
  records: NewRecords[],
  recordedMs: number,
): Promise<void> {
  await query(LOCK);
  const dropped = await dropRecords(query, [run.runId]);
  for (const { table, processor, rows } of records) {
    const [spelled] = await query(SPELLING, [table]);
    const name = (spelled?.table_name as string | undefined) ?? table;
    const columns = columnsOf((await query(COLUMNS, [name])) as unknown as StoredColumn[]);
    const set = [name, run.runId, run.pipeline, processor, recordedMs, rows.length];
    const [added] = await query(INSERT_SET, set);
    let lines: string[] = [];
    let length = 0;
    for (const [n, row] of rows.entries()) {
      const line = jsonOf(valuesOf(row, columns));
      lines.push(line);
      length += line.length;
      if (lines.length < ROWS_AT_ONCE && length < TEXT_AT_ONCE && n < rows.length - 1) continue;
      await query(INSERT_ROWS, [added!.id as number, texts(lines)]);
      lines = [];
      length = 0;
    }
    await putColumns(query, name, [...columns.values()]);
  }
  if (dropped) await dropUnusedColumns(query);
}

async function putColumns(query: Query, table: string, columns: RecordColumn[]): Promise<void> {
  const changed = columns.filter((column) => column.changed);
  if (changed.length === 0) return;
  await query(PUT_COLUMNS, [
    table,
    numbers(changed.map(({ place }) => place)),
    texts(changed.map(({ name }) => name)),
    texts(changed.map(({ type }) => type)),
  ]);
}

/** PostgreSQL has no NUL in a text, nor half of a character: both become what stands for what cannot be shown. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === 'string' ? inner.replaceAll('\0', '\ufffd').toWellFormed() : inner,
  );
}

/** Inside a transaction. True when there were any. */
export async function dropRecords(query: Query, runIds: string[]): Promise<boolean> {
  await query(DROP_ROWS, [texts(runIds)]);
  return (await query(DROP_SETS, [texts(runIds)])).length > 0;
}

/** Inside a transaction: the columns of tables that no run has recorded in. */
export async function dropUnusedColumns(query: Query): Promise<void> {
  await query(DROP_COLUMNS);
}

export async function listRecordTables(connection: Connection): Promise<RecordTable[]> {
  const tables = await connection.query(TABLES);
  const columns = await connection.query('SELECT table_name, name, type FROM record_columns ORDER BY place');
  const names = viewNames(tables.map(({ name }) => name as string));
  return tables.map(({ name, rows }) => ({
    name: names.get(name as string)!,
    rows: rows as number,
    columns: toldColumns(
      viewColumns(columns.filter((column) => column.table_name === name) as unknown as StoredColumn[]),
    ),
  }));
}
