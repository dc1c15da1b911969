import { freeNames, OWN_COLUMNS, quoted, type StoredColumn, type StoredTable } from '../record-columns.ts';

/**
 * The views in which queries see records, as temporary views of the transaction that queries. They look as those of
 * SQLite do, in PostgreSQL's ways: a column of which rows differ in type is jsonb, names have at most 63 bytes, and
 * one with capital letters is written in quotes.
 */

/** Columns that a view shows; PostgreSQL takes 1,600. */
const MAX_SHOWN = 1_590;
/** Bytes of a name that PostgreSQL takes; the rest it cuts off, in queries too. */
const NAME_BYTES = 63;

/** The columns with the names they have in a view. */
export function viewColumns(columns: StoredColumn[]): StoredColumn[] {
  const shown = columns.slice(0, MAX_SHOWN);
  const names = freeNames(
    shown.map(({ name }) => name),
    OWN_COLUMNS,
    spelled,
  );
  return shown.map(({ type }, n) => ({ name: names[n]!, type }));
}

function spelled(name: string, suffix: string): string {
  return cut(name, NAME_BYTES - suffix.length) + suffix;
}

/** The names of the views of tables, by theirs. */
export function viewNames(tables: string[]): Map<string, string> {
  const sorted = tables.toSorted();
  const free = freeNames(sorted, [], spelled);
  return new Map(sorted.map((name, n) => [name, free[n]!]));
}

/** Not in the middle of a character. */
function cut(name: string, bytes: number): string {
  if (Buffer.byteLength(name) <= bytes) return name;
  let kept = '';
  let length = 0;
  for (const character of name) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    kept += character;
  }
  return kept;
}

/** Makes the view of a table. */
export function viewStatement({ name, columns }: StoredTable, view: string): string {
  const values = viewColumns(columns).map(
    (column, place) => `${expressionOf(column, place)} AS ${quoted(column.name)}`,
  );
  return `CREATE TEMP VIEW ${quoted(view)} AS
    SELECT ${[...values, 's.run_id AS run_id', 's.pipeline AS pipeline', 's.processor AS processor'].join(', ')},
      to_char(to_timestamp(s.recorded_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS recorded_at
    FROM wiz.record_sets AS s JOIN wiz.records AS r ON r.set_id = s.id
    WHERE s.table_name = ${text(name)}`;
}

function expressionOf({ type }: StoredColumn, place: number): string {
  const value = `r.row ->> ${place}`;
  switch (type) {
    case 'integer':
      return `(${value})::int8`;
    case 'number':
      return `(${value})::float8`;
    case 'boolean':
      return `(${value})::bool`;
    case 'text':
      return `(${value})`;
    default:
      return `nullif(r.row -> ${place}, 'null'::jsonb)`;
  }
}

function text(value: string): string {
  const plain = value.replaceAll("'", "''");
  return value.includes('\\') ? `E'${plain.replaceAll('\\', '\\\\')}'` : `'${plain}'`;
}
