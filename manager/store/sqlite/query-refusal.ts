import { WizError } from '../../../proto/error.ts';
import { nearest } from '../../spec/nearest.ts';
import type { RecordTable } from '../store.ts';
import type { Connection } from './connection.ts';
import { listRecordTables } from './records.ts';

/** Tables and columns named in an error. */
const SHOWN = 20;
/** What SQLite says of a refusal by the authorizer. */
const NOT_AUTHORIZED = 23;
const EVERY_TABLE_HAS = ['run_id', 'pipeline', 'processor', 'recorded_at'];

/** What is wrong with a query, in the database's words, and what there is instead. */
export function refusal(
  connection: Connection,
  sql: string,
  { message, code, denied }: { message: string; code: number; denied: string },
): WizError {
  const tables = listRecordTables(connection);
  const missing = /^no such (table|column): (.+)$/s.exec(message);
  const table = missing?.[1] === 'table' ? missing[2]! : denied;
  if (table !== '') return refused(`no such table: ${table}`, tableHint(table, tables));
  if (missing?.[1] === 'column') return refused(message, columnHint(missing[2]!, sql, tables));
  if (code === NOT_AUTHORIZED || /^not authorized/.test(message)) {
    return refused('a query is one SELECT over the tables of records', 'It can change nothing.');
  }
  return refused(message, '');
}

function refused(message: string, hint: string): WizError {
  const sentence = `The query cannot be run: ${message.replace(/\.$/, '')}.`;
  return new WizError('invalid_argument', hint === '' ? sentence : `${sentence} ${hint}`);
}

function tableHint(name: string, tables: RecordTable[]): string {
  if (tables.length === 0) return 'No run has left records yet.';
  const names = tables.map((table) => table.name);
  const near = nearest(name.replace(/^.*\./, ''), names);
  return near === undefined ? `There is ${listed(names)}.` : `Did you mean ${near}?`;
}

function columnHint(name: string, sql: string, tables: RecordTable[]): string {
  const folded = sql.toLowerCase();
  const named = tables.filter((table) => folded.includes(table.name.toLowerCase()));
  const columnsOf = (table: RecordTable) => [
    ...table.columns.map((column) => column.name),
    ...EVERY_TABLE_HAS,
  ];
  const near = nearest(name.replace(/^.*\./, ''), named.flatMap(columnsOf));
  if (near !== undefined) return `Did you mean ${near}?`;
  return named.map((table) => `${table.name} has ${listed(columnsOf(table))}.`).join(' ');
}

function listed(names: string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
