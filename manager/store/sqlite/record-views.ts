import { freeNames, OWN_COLUMNS, quoted, type StoredColumn, type StoredTable } from '../record-columns.ts';
import type { ColumnType } from '../store.ts';

/**
 * The views in which queries see records, as TEMP objects of the connection that queries. The process of a query loads
 * this file, and little else.
 */

/** Columns that a view shows; SQLite takes 2,000. Of a run at most 1,000 come, see checkRecords. */
const MAX_SHOWN = 1_900;

/** The tables of the store that views read. */
export const BASE_TABLES = ['records', 'record_sets'];

/** The types of a view's columns: its name for `shape` in decltypes. */
export const SHAPE_TYPES: Record<ColumnType | '', string> = {
  integer: 'INTEGER',
  number: 'REAL',
  text: 'TEXT',
  boolean: 'BOOLEAN',
  json: 'JSON',
  mixed: '',
  '': '',
};

/** The columns with the names they have in a view. */
export function viewColumns(columns: StoredColumn[]): StoredColumn[] {
  const shown = columns.slice(0, MAX_SHOWN);
  const names = freeNames(
    shown.map(({ name }) => name),
    OWN_COLUMNS,
    (name, suffix) => name + suffix,
  );
  return shown.map(({ type }, n) => ({ name: names[n]!, type }));
}

/**
 * The statements that make the view of a table. It ends with an empty table of the same columns: the result of an
 * expression has no declared type in SQLite, but that of a column has, through views, subqueries and unions; so a
 * query's result says which of its columns are booleans or JSON.
 */
export function viewStatements({ name, columns }: StoredTable): string[] {
  const shown = viewColumns(columns);
  const values = shown.map((column, place) => `${expressionOf(column, place)} AS ${quoted(column.name)}`);
  return [
    shapeStatement({ name, columns }, shapeName(name)),
    `CREATE TEMP VIEW ${quoted(name)} AS
       SELECT ${[...values, 's.run_id AS run_id', 's.pipeline AS pipeline', 's.processor AS processor'].join(', ')},
         strftime('%Y-%m-%dT%H:%M:%fZ', s.recorded_ms / 1000.0, 'unixepoch') AS recorded_at
       FROM main.record_sets AS s CROSS JOIN main.records AS r ON r.set_id = s.id
       WHERE s.table_name = ${text(name)}
     UNION ALL SELECT * FROM ${quoted(shapeName(name))}`,
  ];
}

/** Makes an empty table of the columns of the view. */
export function shapeStatement({ columns }: StoredTable, name: string): string {
  const declared = [
    ...viewColumns(columns).map((column) => `${quoted(column.name)} ${SHAPE_TYPES[column.type]}`),
    ...OWN_COLUMNS.map((column) => `${column} TEXT`),
  ];
  return `CREATE TEMP TABLE ${quoted(name)} (${declared.join(', ')})`;
}

/** No record table is called so: their names have at most 100 characters. */
export function shapeName(table: string): string {
  return `the shape of ${table}${'.'.repeat(100)}`;
}

/** JSON as text, everything else as SQLite's own values. */
function expressionOf({ type }: StoredColumn, place: number): string {
  return type === 'json' ? `nullif(r.row -> ${place}, 'null')` : `r.row ->> ${place}`;
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
