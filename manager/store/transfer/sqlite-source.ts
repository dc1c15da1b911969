import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { isOfSqlite, storeError } from '../sqlite/errors.ts';
import { readLogFiles } from './log-rows.ts';
import { LOGS, TABLES, type Table } from './tables.ts';
import { type Batch, batched, type Source, type Value } from './transfer.ts';

/**
 * A SQLite store as it is at one moment: one read transaction on a connection of its own, which holds no writer up. What
 * is committed meanwhile stays in the write-ahead log until it ends. Logs are files of their own, and are read after the
 * journal: they have what it says, and perhaps a little more.
 */

/** Milliseconds to wait for a lock; readers of a WAL wait only while it is being reset or recovered. */
const BUSY_MS = 10_000;

export function sqliteSource(path: string, place: string, home: string): Source {
  let client: DatabaseSync | undefined;

  async function* read(): AsyncGenerator<Batch> {
    try {
      client = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
      client.exec('BEGIN');
      for (const table of TABLES) {
        for await (const batch of batched(table, rowsOf(client, table))) {
          yield batch;
          // Reading is synchronous: signals and the screen have their turn.
          await turn();
        }
      }
      yield* batched(LOGS, readLogFiles(home, runIds(client)));
      client.exec('COMMIT');
    } catch (error) {
      throw isOfSqlite(error) ? storeError(error, path) : error;
    }
  }

  return {
    place,
    read,
    async close() {
      if (client?.isOpen) client.close();
    },
  };
}

function* rowsOf(client: DatabaseSync, table: Table): Generator<Value[]> {
  const kinds = Object.entries(table.columns);
  const columns = kinds.map(([name, kind]) => expression(table, name, kind));
  const { name, where = 'true', order } = table;
  const statement = client.prepare(
    `SELECT ${columns.join(', ')} FROM ${name} WHERE ${where} ORDER BY ${order.join(', ')}`,
  );
  statement.setReturnArrays(true);
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<SQLOutputValue[]>) {
    yield row.map((value, n) => (kinds[n]![1] === 'boolean' ? value === 1 : (value as Value)));
  }
}

function expression(table: Table, name: string, kind: string): string {
  const constant = table.constant?.[name];
  if (constant !== undefined)
    return `${typeof constant === 'string' ? `'${constant}'` : constant} AS ${name}`;
  return kind === 'json' ? `json("${name}") AS "${name}"` : `"${name}"`;
}

function* runIds(client: DatabaseSync): Generator<string> {
  for (const row of client.prepare('SELECT run_id FROM runs ORDER BY run_id').iterate())
    yield String(row.run_id);
}
