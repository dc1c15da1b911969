import { readSync, writeSync } from 'node:fs';
import { constants, DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { StoredTable } from '../record-columns.ts';
import { BASE_TABLES, SHAPE_TYPES, shapeName, shapeStatement, viewStatements } from './record-views.ts';

/**
 * The process of one query. SQLite cannot be interrupted from JavaScript while it looks for the next row, and a
 * manager must not stand still for it; a process can be killed.
 *
 * Standard input has one line, a QueryRequest, and is then kept open by whoever waits for the result. Standard output
 * has one line of columns, one for each row, and one for the end or an error; it blocks while nobody reads.
 */

export interface QueryRequest {
  /** Of the store. */
  path: string;
  sql: string;
}

export type QueryLine =
  | { columns: string[] }
  | { end: true }
  /** `code` is that of SQLite; `denied` the table that is none of the records'. */
  | { error: { message: string; code: number; denied: string } };

/** Bytes that are written at once. */
const BLOCK = 64 * 1024;
/** Milliseconds a row waits at most for more to be written with it, while rows come. */
const WAIT_MS = 100;
/** Milliseconds to wait for a lock; readers of a WAL wait only while it is being reset or recovered. */
const BUSY_MS = 5_000;
/** Bytes of one value. */
const MAX_VALUE = 256 * 1024 * 1024;

const STDIN = 0;
const STDOUT = 1;

function main(): void {
  const request = readRequest();
  endWithParent();
  let denied = '';
  try {
    const { database, tables, views } = open(request.path);
    checkNames(tables, request.sql);
    const onDenied = (table: string) => {
      denied = table;
    };
    database.setAuthorizer(readOnlyOf(database, views, onDenied));
    run(database, request.sql);
    writeLine({ end: true });
  } catch (error) {
    const { message, errcode = 0 } = error as Error & { errcode?: number };
    writeLine({ error: { message, code: errcode, denied } });
  }
}

function readRequest(): QueryRequest {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.alloc(BLOCK);
    const length = readSync(STDIN, part);
    if (length === 0) process.exit(1);
    parts.push(part.subarray(0, length));
    if (part[length - 1] === 0x0a) return JSON.parse(Buffer.concat(parts).toString());
  }
}

/** Standard input ends when nobody waits for the result any more, also by kill -9. */
function endWithParent(): void {
  const wait = `require('node:fs').readSync(${STDIN}, Buffer.alloc(1)); process.kill(process.pid, 'SIGKILL');`;
  // With streams of its own: those of this process would become non-blocking.
  new Worker(wait, { eval: true, stdout: true, stderr: true });
}

interface Opened {
  database: DatabaseSync;
  tables: StoredTable[];
  views: Set<string>;
}

function open(path: string): Opened {
  const database = new DatabaseSync(path, {
    readOnly: true,
    timeout: BUSY_MS,
    readBigInts: true,
    returnArrays: true,
    limits: { attach: 0, length: MAX_VALUE },
  });
  // What sorts and joins spill stays out of the disk's temporary folder, which others may read.
  database.exec('PRAGMA temp_store = MEMORY');
  const tables = readTables(database);
  for (const table of tables) for (const statement of viewStatements(table)) database.exec(statement);
  return { database, tables, views: new Set(tables.map(({ name }) => name)) };
}

/** Throws for a statement that names other tables than those of records: in a database that has no others. */
function checkNames(tables: StoredTable[], sql: string): void {
  const empty = new DatabaseSync(':memory:');
  for (const table of tables) empty.exec(shapeStatement(table, table.name));
  empty.prepare(sql);
}

function readTables(database: DatabaseSync): StoredTable[] {
  const names = database.prepare('SELECT DISTINCT table_name FROM main.record_sets').all();
  const columns = database.prepare(
    'SELECT name, type FROM main.record_columns WHERE table_name = ? ORDER BY place',
  );
  return (names as unknown as string[][]).map(([name]) => ({
    name: name!,
    columns: (columns.all(name!) as unknown as [string, keyof typeof SHAPE_TYPES][]).map(
      ([column, type]) => ({ name: column, type }),
    ),
  }));
}

/** Lets a statement read the views and call functions that do nothing but compute; nothing else. */
function readOnlyOf(
  database: DatabaseSync,
  views: ReadonlySet<string>,
  onDenied: (table: string) => void,
): Parameters<DatabaseSync['setAuthorizer']>[0] {
  const functions = safeFunctions(database);
  const shapes = new Set([...views].map(shapeName));
  return (action, first, second, schema, view) => {
    switch (action) {
      case constants.SQLITE_SELECT:
      case constants.SQLITE_RECURSIVE:
        return constants.SQLITE_OK;
      case constants.SQLITE_FUNCTION:
        return functions.has(second!) ? constants.SQLITE_OK : constants.SQLITE_DENY;
      case constants.SQLITE_READ:
        // No column of it is read. What it is cannot be told here, but that it is no table of the store has been checked.
        if (schema === null) return constants.SQLITE_OK;
        if (schema === 'temp' && (views.has(first!) || shapes.has(first!))) return constants.SQLITE_OK;
        // On behalf of a view. Who names something else as a view reads records all the same, and only them.
        if (schema === 'main' && BASE_TABLES.includes(first!) && view !== null && views.has(view)) {
          return constants.SQLITE_OK;
        }
        if (first === 'json_each' || first === 'json_tree') return constants.SQLITE_OK;
        onDenied(first!);
        return constants.SQLITE_DENY;
      default:
        return constants.SQLITE_DENY;
    }
  };
}

/** The flag of functions without side effects that read nothing but their arguments (SQLITE_INNOCUOUS). */
const INNOCUOUS = 0x200000n;
/** Those of an extension that is always there, which has no flags; and of those with it, one that writes a log. */
const ALSO_SAFE = ['median', 'percentile', 'percentile_cont', 'percentile_disc'];
const NOT_SAFE = ['sqlite_log'];

function safeFunctions(database: DatabaseSync): Set<string> {
  const rows = database.prepare('SELECT name, flags FROM pragma_function_list').all();
  const innocuous = (rows as unknown as [string, bigint][]).filter(([, flags]) => (flags & INNOCUOUS) !== 0n);
  const safe = new Set([...innocuous.map(([name]) => name), ...ALSO_SAFE]);
  for (const name of NOT_SAFE) safe.delete(name);
  return safe;
}

function run(database: DatabaseSync, sql: string): void {
  const statement = database.prepare(sql);
  refuseMore(database, sql.slice(statement.sourceSQL.length));
  const columns = statement.columns();
  if (columns.length === 0) throw new Error('a query is one SELECT');
  writeLine({ columns: columns.map(({ name }) => name) });
  const kinds = columns.map(({ type }) => type);
  for (const row of statement.iterate()) {
    writeRow((row as unknown as SQLInputValue[]).map((value, i) => jsonOf(value, kinds[i]!)));
  }
}

/** What follows the first statement may be comments, no second statement. */
function refuseMore(database: DatabaseSync, rest: string): void {
  if (rest.trim() === '') return;
  try {
    database.prepare(rest);
  } catch (error) {
    // node:sqlite has its own error for text without a statement, SQLite's errors have a code.
    if (!('errcode' in (error as Error))) return;
  }
  throw new Error('a query is one statement');
}

function jsonOf(value: SQLInputValue, kind: string | null): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'bigint':
      if (kind === SHAPE_TYPES.boolean && (value === 0n || value === 1n)) return String(value === 1n);
      return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`;
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case 'string':
      return kind === SHAPE_TYPES.json && isJson(value) ? value : JSON.stringify(value);
    default:
      // Rows hold no bytes, but a query can make some.
      return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'));
  }
}

/** A union may bring other text into a column of JSON. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

let waiting: string[] = [];
let waitingLength = 0;
let writtenMs = 0;

function writeRow(values: string[]): void {
  const line = `[${values.join(',')}]\n`;
  waiting.push(line);
  waitingLength += line.length;
  if (waitingLength >= BLOCK || performance.now() - writtenMs > WAIT_MS) flush();
}

function writeLine(line: QueryLine): void {
  waiting.push(`${JSON.stringify(line)}\n`);
  flush();
}

function flush(): void {
  const bytes = Buffer.from(waiting.join(''));
  for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
  waiting = [];
  waitingLength = 0;
  writtenMs = performance.now();
}

main();
