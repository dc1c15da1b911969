import { WizError } from '../../proto/error.ts';
import { nearest } from '../spec/nearest.ts';
import { OWN_COLUMNS } from './record-columns.ts';
import type { RecordTable } from './store.ts';

/** What is wrong with a query over records, and what there is instead, in the same words for every store. */

/** Tables and columns named in an error. */
const SHOWN = 20;

export function noSuchTable(name: string, tables: RecordTable[]): WizError {
  return refused(`no such table: ${name}`, tableHint(name, tables));
}

export function noSuchColumn(name: string, sql: string, tables: RecordTable[]): WizError {
  return refused(`no such column: ${name}`, columnHint(name, sql, tables));
}

/** It would change something, or read what is none of its business. */
export function notAQuery(): WizError {
  return refused('a query is one SELECT over the tables of records', 'It can change nothing.');
}

export function refused(message: string, hint: string = ''): WizError {
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
  const columnsOf = (table: RecordTable) => [...table.columns.map((column) => column.name), ...OWN_COLUMNS];
  const near = nearest(name.replace(/^.*\./, ''), named.flatMap(columnsOf));
  if (near !== undefined) return `Did you mean ${near}?`;
  return named.map((table) => `${table.name} has ${listed(columnsOf(table))}.`).join(' ');
}

function listed(names: string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
