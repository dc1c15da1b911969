import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { WizError } from '../../../proto/error.ts';
import type { JsonValue } from '../../spec/spec.ts';
import { isWhole, linesOf } from '../lines.ts';
import { noSuchColumn, noSuchTable, notAQuery, refused } from '../query-refusal.ts';
import type { QueryResult } from '../store.ts';
import type { Connection } from './connection.ts';
import { storeError } from './errors.ts';
import type { QueryLine, QueryRequest } from './query-main.ts';
import { listRecordTables } from './records.ts';

/** Queries over records, each in a process of its own (see query-main.ts), which starts in about 50 ms. */

type Process = ChildProcessByStdio<Writable, Readable, Readable>;

export async function queryRecords(
  connection: Connection,
  sql: string,
  signal?: AbortSignal,
): Promise<QueryResult> {
  signal?.throwIfAborted();
  const query = start({ path: connection.path, sql });
  const kill = () => void query.child.kill('SIGKILL');
  connection.closing.add(kill);
  signal?.addEventListener('abort', kill);

  /** Ends the process, if it goes on. */
  async function end(): Promise<void> {
    connection.closing.delete(kill);
    signal?.removeEventListener('abort', kill);
    kill();
    await query.ended;
  }

  const lines = linesOf(query.child.stdout);
  async function next(): Promise<string> {
    const line = await lines.next();
    if (!line.done && isWhole(line.value)) return line.value.toString();
    signal?.throwIfAborted();
    throw new WizError('internal', 'The process of the query ended before its result.', {
      cause: new Error(`${await query.ended}`),
    });
  }

  function fail(error: QueryError): never {
    throw isOfStore(error.code)
      ? storeError(Object.assign(new Error(error.message), { errcode: error.code }), connection.path)
      : refusal(connection, sql, error);
  }

  async function* rows(): AsyncGenerator<JsonValue[]> {
    try {
      for (;;) {
        const line = await next();
        if (line.startsWith('[')) {
          yield JSON.parse(line);
          continue;
        }
        const last: QueryLine = JSON.parse(line);
        if ('error' in last) fail(last.error);
        return;
      }
    } finally {
      await end();
    }
  }

  try {
    const first: QueryLine = JSON.parse(await next());
    if ('columns' in first) return { columns: first.columns, rows: rows() };
    if ('error' in first) fail(first.error);
    throw new WizError('internal', 'The process of the query told no columns.');
  } catch (error) {
    await end();
    throw error;
  }
}

interface Running {
  child: Process;
  /** What is to be said about how it ended. Never rejects. */
  ended: Promise<string>;
}

function start(request: QueryRequest): Running {
  const child: Process = spawn(process.execPath, [entry()], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => {
    said = (said + data).slice(-2_000);
  });
  const ended = once(child, 'exit').then(
    ([code, killedBy]) => `It ended with ${killedBy ?? code}. ${said}`,
    (error) => `It could not be started: ${error.message}`,
  );
  // A process that has ended reads nothing; how it ended is told above.
  child.stdin.on('error', () => {});
  child.stdin.write(`${JSON.stringify(request)}\n`);
  return { child, ended };
}

/** The program file: beside this source, or in the bundle. */
function entry(): string {
  const here = import.meta.dirname;
  if (import.meta.filename.endsWith('.ts')) return join(here, 'query-main.ts');
  return join(here.slice(0, here.lastIndexOf('dist') + 'dist'.length), 'manager/query-main.js');
}

/** What SQLite says of a refusal by the authorizer. */
const NOT_AUTHORIZED = 23;

function refusal(connection: Connection, sql: string, error: QueryError): WizError {
  const { message, code, denied } = error;
  const missing = /^no such (table|column): (.+)$/s.exec(message);
  const table = missing?.[1] === 'table' ? missing[2]! : denied;
  if (table !== '') return noSuchTable(table, listRecordTables(connection));
  if (missing?.[1] === 'column') return noSuchColumn(missing[2]!, sql, listRecordTables(connection));
  if (code === NOT_AUTHORIZED || /^not authorized/.test(message)) return notAQuery();
  return refused(message);
}

type QueryError = Extract<QueryLine, { error: unknown }>['error'];

/** SQLite's codes for what is wrong with the file, the disk or the lock rather than with the query: PERM, BUSY, LOCKED,
 *  READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
function isOfStore(code: number): boolean {
  return [3, 5, 6, 8, 10, 11, 13, 14, 15, 26].includes(code & 0xff);
}
