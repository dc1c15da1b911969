import type { JsonObject, JsonValue } from '../spec/spec.ts';
import type { ColumnType, RecordTable } from './store.ts';

/** The columns of record tables: rows are lists of values, each at the place of its column, in every store. */

export interface StoredColumn {
  name: string;
  /** Empty while only null was written. */
  type: ColumnType | '';
}

export interface StoredTable {
  name: string;
  /** In the order of their places. */
  columns: StoredColumn[];
}

export interface RecordColumn extends StoredColumn {
  place: number;
  /** Since it was read. */
  changed: boolean;
}

/** In the order of their places. */
export function columnsOf(stored: StoredColumn[]): Map<string, RecordColumn> {
  return new Map(stored.map(({ name, type }, place) => [name, { place, name, type, changed: false }]));
}

/** The values of a row at the places of their columns; new columns are added to `columns`. */
export function valuesOf(row: JsonObject, columns: Map<string, RecordColumn>): JsonValue[] {
  const values: JsonValue[] = [];
  for (const [name, value] of Object.entries(row)) {
    let column = columns.get(name);
    if (column === undefined) {
      column = { place: columns.size, name, type: '', changed: true };
      columns.set(name, column);
    }
    const type = widened(column.type, value);
    if (type !== column.type) {
      column.type = type;
      column.changed = true;
    }
    while (values.length < column.place) values.push(null);
    values[column.place] = value;
  }
  return values;
}

function widened(type: StoredColumn['type'], value: JsonValue): StoredColumn['type'] {
  const brought = typeOf(value);
  if (brought === type || brought === '') return type;
  if (type === '') return brought;
  const numbers = ['integer', 'number'];
  return numbers.includes(type) && numbers.includes(brought) ? 'number' : 'mixed';
}

/** Empty of null, which every column may have. */
function typeOf(value: JsonValue): StoredColumn['type'] {
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'string':
      return 'text';
    case 'number':
      // What databases read as an integer: 64 bits.
      return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? 'integer' : 'number';
    default:
      return value === null ? '' : 'json';
  }
}

/** What every table has beside its own columns, where a query sees it. */
export const OWN_COLUMNS = ['run_id', 'pipeline', 'processor', 'recorded_at'];

/** The names, of which one that another has already, also in another case, is followed by a number. `spelled` is a name as a
 *  store takes it, with what follows. */
export function freeNames(
  names: string[],
  others: string[],
  spelled: (name: string, suffix: string) => string,
): string[] {
  const taken = new Set(others);
  return names.map((name) => {
    let free = spelled(name, '');
    for (let n = 2; taken.has(folded(free)); n += 1) free = spelled(name, `_${n}`);
    taken.add(folded(free));
    return free;
  });
}

/** As SQLite compares names: it knows the case of ASCII letters only. */
function folded(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The columns of a view as people are told of them. */
export function toldColumns(columns: StoredColumn[]): RecordTable['columns'] {
  return columns.map(({ name, type }) => ({ name, type: type === '' ? 'mixed' : type }));
}
