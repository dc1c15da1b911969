import { columnsOf, type RecordColumn, type StoredColumn, toldColumns, valuesOf } from '../record-columns.ts';
import { checkRecords } from '../records.ts';
import type { NewRecords, RecordTable, RunRow } from '../store.ts';
import type { Connection } from './connection.ts';
import { viewColumns } from './record-views.ts';

/**
 * Records: rows of JSON values, each at the place of its column, so that no name of a column is ever part of a
 * statement that writes. Columns are added as rows bring them, with the type of what was written.
 */

const SPELLING = 'SELECT table_name AS name FROM record_sets WHERE table_name = ? COLLATE NOCASE LIMIT 1';
const COLUMNS = 'SELECT name, type FROM record_columns WHERE table_name = ? ORDER BY place';
const PUT_COLUMN = `INSERT INTO record_columns (table_name, place, name, type) VALUES (?, ?, ?, ?)
  ON CONFLICT (table_name, place) DO UPDATE SET type = excluded.type`;
const INSERT_SET = `INSERT INTO record_sets (table_name, run_id, pipeline, processor, recorded_ms, row_count)
  VALUES (?, ?, ?, ?, ?, ?)`;
const INSERT_ROW = 'INSERT INTO records (set_id, row) VALUES (?, jsonb(?))';
const DROP_ROWS = 'DELETE FROM records WHERE set_id IN (SELECT id FROM record_sets WHERE run_id = ?)';
const DROP_SETS = 'DELETE FROM record_sets WHERE run_id = ?';
const DROP_COLUMNS =
  'DELETE FROM record_columns WHERE table_name NOT IN (SELECT table_name FROM record_sets)';
const TABLES = `SELECT table_name AS name, sum(row_count) AS rows FROM record_sets GROUP BY table_name
  ORDER BY table_name`;

/** Inside a transaction: what the run recorded, in place of what it had recorded before. */
export function replaceRecords(
  connection: Connection,
  run: RunRow,
  records: NewRecords[],
  recordedMs: number,
): void {
  checkRecords(records);
  dropRecords(connection, run.runId);
  for (const { table, processor, rows } of records) {
    const name = String(connection.statement(SPELLING).get(table)?.name ?? table);
    const columns = readColumns(connection, name);
    const { lastInsertRowid } = connection
      .statement(INSERT_SET)
      .run(name, run.runId, run.pipeline, processor, recordedMs, rows.length);
    const insert = connection.statement(INSERT_ROW);
    for (const row of rows) insert.run(lastInsertRowid, JSON.stringify(valuesOf(row, columns)));
    for (const [place, column] of [...columns.values()].entries()) {
      if (column.changed) connection.statement(PUT_COLUMN).run(name, place, column.name, column.type);
    }
  }
  dropUnusedColumns(connection);
}

/** Inside a transaction. True when there were any. */
export function dropRecords(connection: Connection, runId: string): boolean {
  connection.statement(DROP_ROWS).run(runId);
  return connection.statement(DROP_SETS).run(runId).changes > 0;
}

/** Inside a transaction: the columns of tables that no run has recorded in. */
export function dropUnusedColumns(connection: Connection): void {
  connection.statement(DROP_COLUMNS).run();
}

function readColumns(connection: Connection, table: string): Map<string, RecordColumn> {
  return columnsOf(connection.statement(COLUMNS).all(table) as unknown as StoredColumn[]);
}

export function listRecordTables(connection: Connection): RecordTable[] {
  return connection.read(() => {
    const tables = connection.statement(TABLES).all() as unknown as { name: string; rows: number }[];
    return tables.map(({ name, rows }) => ({
      name,
      rows,
      columns: toldColumns(viewColumns(connection.statement(COLUMNS).all(name) as unknown as StoredColumn[])),
    }));
  });
}
