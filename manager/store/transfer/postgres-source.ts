import type { Sql } from 'postgres';
import type { Connection, Row } from '../postgres/connection.ts';
import { codeOf, storeError } from '../postgres/errors.ts';
import { ALL, type ColumnKind, LOGS, type Table } from './tables.ts';
import { type Batch, batched, type Source, type Value } from './transfer.ts';

/**
 * A PostgreSQL store as it is at one moment: one transaction, repeatable read and read-only, on a connection of its own. It
 * holds no writer up, but keeps PostgreSQL from cleaning up until it ends.
 */

/** Rows of one answer: those of tables with bytes are up to some MB each. */
const ROWS = 1_000;
const ROWS_WITH_BYTES = 64;

/** A batch that is slow to be written elsewhere must not end it. */
const BEGIN = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0`;

export function postgresSource(connection: Connection): Source {
  const { place } = connection;
  let broken = false;
  const sql = connection.open({
    max: 1,
    onclose() {
      broken = true;
    },
  });

  /** The driver would go on with another connection, which sees something else. */
  function checkWhole(): void {
    if (broken) throw Object.assign(new Error('the connection broke'), { code: 'CONNECTION_CLOSED' });
  }

  async function* rowsOf(table: Table): AsyncGenerator<Value[]> {
    const names = Object.keys(table.columns);
    const hasBytes = Object.values(table.columns).includes('bytes');
    const cursor = sql.unsafe(select(table), []).cursor(hasBytes ? ROWS_WITH_BYTES : ROWS);
    for await (const rows of cursor as AsyncIterable<Row[]>) {
      checkWhole();
      for (const row of rows) yield names.map((name) => row[name] as Value);
    }
  }

  async function* read(): AsyncGenerator<Batch> {
    try {
      await sql.unsafe(BEGIN).simple();
      for (const table of ALL) yield* batched(table, rowsOf(table));
      checkWhole();
      await sql.unsafe('COMMIT');
    } catch (error) {
      throw codeOf(error) === '' ? error : storeError(error, place);
    }
  }

  return {
    place,
    read,
    async close() {
      await end(sql);
      await connection.close();
    },
  };
}

/** Seconds that a driver gets to end. */
const LEAVE_S = 2;

function end(sql: Sql): Promise<void> {
  return sql.end({ timeout: LEAVE_S });
}

function select(table: Table): string {
  const { columns, where = 'true', order } = table;
  const name = table === LOGS ? 'log_chunks' : table.name;
  const wanted = Object.entries(columns).map(
    ([column, kind]) => `${expression(table, column, kind)} AS "${column}"`,
  );
  return `SELECT ${wanted.join(', ')} FROM ${name} WHERE ${where} ORDER BY ${order.join(', ')}`;
}

function expression(table: Table, name: string, kind: ColumnKind): string {
  const constant = table.constant?.[name];
  if (constant !== undefined)
    return typeof constant === 'string' ? `'${constant}'::text` : `${constant}::float8`;
  if (kind === 'json') return `"${name}"::text`;
  // As a number, also where it is an int8.
  return kind === 'integer' ? `"${name}"::float8` : `"${name}"`;
}
