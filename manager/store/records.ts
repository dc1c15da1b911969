import { WizError } from '../../proto/error.ts';
import type { NewRecords } from './store.ts';

/** Characters of the name of a table or a column. */
const MAX_NAME = 100;
/** Levels of lists and objects inside each other, the row among them. SQLite reads 1,000. */
const MAX_DEPTH = 100;
/** Columns that one run may bring to a table. SQLite shows 2,000 columns of a view, PostgreSQL 1,600. */
const MAX_COLUMNS = 1_000;

/**
 * Throws WizError invalid_argument when rows cannot be records: a name that cannot be one, a row that is no object, a
 * value too deep. To be asked before a commit has them, since that is refused with all that is in it.
 */
export function checkRecords(records: NewRecords[]): void {
  for (const { table, rows } of records) {
    checkName('table', table);
    if (!Array.isArray(rows)) refuse(table, `are ${describe(rows)}, not a list of rows`);
    const columns = new Set<string>();
    for (const [i, row] of rows.entries()) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) {
        refuse(table, `have ${describe(row)} as row ${i + 1}; a row is an object: { column: value, … }`);
      }
      for (const [column, value] of Object.entries(row)) {
        if (!columns.has(column)) checkName('column', column, table);
        columns.add(column);
        if (isDeeper(value, MAX_DEPTH - 1)) {
          refuse(table, `have more than ${MAX_DEPTH} levels in column "${column}" of row ${i + 1}`);
        }
      }
    }
    if (columns.size > MAX_COLUMNS) {
      refuse(
        table,
        `have ${columns.size} columns; a table has at most ${MAX_COLUMNS}, put the rest into one`,
      );
    }
  }
}

function checkName(kind: 'table' | 'column', name: unknown, table?: string): void {
  const good = typeof name === 'string' && name !== '' && name.length <= MAX_NAME && !name.includes('\0');
  if (good && name.isWellFormed() && (kind === 'column' || !/^sqlite_/i.test(name))) return;
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, MAX_NAME)) : describe(name);
  const rule = `one has 1 to ${MAX_NAME} characters and no NUL`;
  if (kind === 'table') {
    const problem = `${shown} cannot be the name of a table of records`;
    throw new WizError('invalid_argument', `${problem}: ${rule}, and does not start with sqlite_.`);
  }
  refuse(String(table), `have a column ${shown}, which cannot be the name of one: ${rule}`);
}

function refuse(table: string, problem: string): never {
  throw new WizError('invalid_argument', `The records for table "${table}" ${problem}.`);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const inner of Object.values(value)) if (isDeeper(inner, levels - 1)) return true;
  return false;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
