import type { Sql } from 'postgres';
import type { JsonValue } from '../../spec/spec.ts';
import { noSuchColumn, noSuchTable, notAQuery, refused } from '../query-refusal.ts';
import type { StoredColumn } from '../record-columns.ts';
import type { QueryResult } from '../store.ts';
import type { Connection, Query, Row } from './connection.ts';
import { codeOf, isLost, storeError } from './errors.ts';
import { judge } from './query-guard.ts';
import { viewNames, viewStatement } from './record-views.ts';
import { listRecordTables } from './records.ts';

/**
 * Queries over records: each on a connection of its own, in one transaction that is rolled back. It makes the views,
 * has the query judged (query-guard.ts), forbids itself to write, and reads by a cursor.
 */

/** Rows that are fetched at once. */
const FETCH = 200;
const CURSOR = 'wiz_query';

export async function queryRecords(
  connection: Connection,
  sql: string,
  signal?: AbortSignal,
): Promise<QueryResult> {
  signal?.throwIfAborted();
  const client = connection.open({
    max: 1,
    connection: {
      application_name: 'wiz query',
      // Only what is made here, and what PostgreSQL has.
      search_path: 'pg_temp, pg_catalog',
      // A backend whose client is gone ends what it does within this time (milliseconds).
      client_connection_check_interval: 1_000,
    },
  });
  let pid = 0;
  let ended: Promise<void> | undefined;

  /** Ends the query wherever it stands. */
  function end(): Promise<void> {
    ended ??= (async () => {
      connection.closing.delete(end);
      signal?.removeEventListener('abort', stop);
      if (pid !== 0) await connection.query('SELECT pg_terminate_backend($1)', [pid]).catch(() => {});
      await client.end({ timeout: 0 });
    })();
    return ended;
  }
  const stop = () => void end();
  connection.closing.add(end);
  signal?.addEventListener('abort', stop);

  async function fail(error: unknown): Promise<never> {
    await end();
    signal?.throwIfAborted();
    throw await refusal(connection, sql, error);
  }

  try {
    const query = runner(client);
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    pid = Number((await query('SELECT pg_backend_pid() AS pid'))[0]!.pid);
    const views = await makeViews(query);
    const names = await namesOf(client, sql);
    if (names.length === 0) throw refused('a query is one SELECT');
    const verdict = await judge(query, sql, names.length, views);
    if (!verdict.safe) {
      throw 'table' in verdict ? noSuchTable(verdict.table, await listRecordTables(connection)) : notAQuery();
    }
    await query('SET TRANSACTION READ ONLY');
    await query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${sql}`);
    return { columns: names, rows: rows(client) };
  } catch (error) {
    return fail(error);
  }

  async function* rows(from: Sql): AsyncGenerator<JsonValue[]> {
    try {
      for (;;) {
        const result = await from.unsafe(`FETCH ${FETCH} FROM ${CURSOR}`, [], { prepare: true }).raw();
        const types = result.columns.map(({ type }) => type);
        for (const row of result) yield row.map((value, i) => jsonOf(value as Buffer | null, types[i]!));
        if (result.length < FETCH) return;
      }
    } catch (error) {
      await fail(error);
    } finally {
      await end();
    }
  }
}

function runner(client: Sql): Query {
  return async (text, values = []) =>
    (await client.unsafe(text, values as never[], { prepare: true })) as unknown as Row[];
}

/** Makes the views of all tables; returns their names. */
async function makeViews(query: Query): Promise<Set<string>> {
  const rows = await query(
    `SELECT table_name, name, type FROM wiz.record_columns
     WHERE table_name IN (SELECT table_name FROM wiz.record_sets) ORDER BY table_name, place`,
  );
  const tables = new Map<string, StoredColumn[]>();
  for (const { name } of await query('SELECT DISTINCT table_name AS name FROM wiz.record_sets')) {
    tables.set(name as string, []);
  }
  for (const { table_name, name, type } of rows) {
    tables.get(table_name as string)?.push({ name: name as string, type: type as StoredColumn['type'] });
  }
  const names = viewNames([...tables.keys()]);
  for (const [name, columns] of tables) await query(viewStatement({ name, columns }, names.get(name)!));
  return new Set(names.values());
}

/** Of the result's columns; nothing is carried out. */
async function namesOf(client: Sql, sql: string): Promise<string[]> {
  const { columns } = await client.unsafe(sql, [], { prepare: true }).describe();
  return (columns ?? []).map(({ name }) => name);
}

async function refusal(connection: Connection, sql: string, error: unknown): Promise<Error> {
  const code = codeOf(error);
  if (code.length !== 5 || isLost(error) || /^(53|54|57|58|XX)/.test(code)) {
    return storeError(error, connection.place);
  }
  const { message } = error as Error;
  const named = /"(.*)"|column (\S+) does not exist/s.exec(message);
  const name = named?.[1] ?? named?.[2] ?? '';
  if (code === '42P01') return noSuchTable(name, await listRecordTables(connection));
  if (code === '42703') return noSuchColumn(name, sql, await listRecordTables(connection));
  if (/multiple commands/.test(message)) return refused('a query is one statement');
  return refused(message);
}

/** Numbers of types: pg_type.dat. */
const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const JSON_TEXT = 114;
const FLOAT4 = 700;
const FLOAT8 = 701;
const NUMERIC = 1700;
const JSONB = 3802;

function jsonOf(bytes: Buffer | null, type: number): JsonValue {
  if (bytes === null) return null;
  const text = bytes.toString('utf8');
  switch (type) {
    case BOOL:
      return text === 't';
    case INT2:
    case INT4:
    case INT8:
    case NUMERIC:
    case FLOAT4:
    case FLOAT8:
      return numberOf(text);
    case JSON_TEXT:
    case JSONB:
      return JSON.parse(text);
    case BYTEA:
      return Buffer.from(text.slice(2), 'hex').toString('base64');
    default:
      return text;
  }
}

/** Integers that JSON cannot hold, and what is no number, as text. */
function numberOf(text: string): JsonValue {
  const value = Number(text);
  if (!Number.isFinite(value)) return text;
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? text : value;
}
