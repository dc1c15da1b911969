import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { WizError } from '../../../proto/error.ts';
import { createFile } from '../sqlite/connection.ts';
import { isBusy, isOfSqlite, storeError } from '../sqlite/errors.ts';
import { migrate } from '../sqlite/migrate.ts';
import { checkEmpty } from './empty.ts';
import { type LogFiles, writeLogFiles } from './log-rows.ts';
import { sync } from './sync.ts';
import { LOGS, TABLES, type Table } from './tables.ts';
import { type Batch, type Counts, checkCount, type Target, type Value } from './transfer.ts';

/**
 * A new SQLite store. Rows go to a file beside it and logs to a folder beside theirs; both are moved to their places when
 * all is there, the file last.
 */
export function sqliteTarget(path: string, place: string, home: string): Target {
  const partial = `${path}.partial`;
  const logFolder = join(home, 'runs.partial');

  function clear(): void {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${partial}${end}`, { force: true });
    rmSync(logFolder, { recursive: true, force: true });
  }

  return {
    place,
    async take(fill) {
      try {
        takeEmptyAway(path, place, false);
        clear();
        createFile(partial);
        const client = new DatabaseSync(partial);
        const logs = writeLogFiles(logFolder);
        try {
          // Nobody else sees it, and one that is not whole is thrown away.
          client.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF');
          migrate(client, partial);
          client.exec('BEGIN');
          const counts = await fill(writer(client, logs));
          client.exec('COMMIT');
          checkCounts(client, place, counts);
        } finally {
          client.close();
          await logs.close();
        }
        await sync(partial);
        moveLogs(join(logFolder, 'runs'), join(home, 'runs'));
        takeEmptyAway(path, place, true);
        renameSync(partial, path);
        await sync(dirname(path));
      } catch (error) {
        throw isOfSqlite(error) ? storeError(error, path) : error;
      } finally {
        clear();
      }
    },
    async close() {},
  };
}

/** An empty store may be there. In its place comes the new one: nobody may have it open then. */
function takeEmptyAway(path: string, place: string, remove: boolean): void {
  if (!existsSync(path)) return;
  const client = new DatabaseSync(path, { timeout: 1_000 });
  try {
    migrate(client, path);
    checkEmpty(
      place,
      TABLES.filter((table) => isFilled(client, table)),
    );
    // SQLite does so for the only connection, and takes the write-ahead log away.
    client.exec('PRAGMA journal_mode = DELETE');
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new WizError('failed_precondition', `${place} is in use by another process: end it first.`, {
      cause: error,
    });
  } finally {
    client.close();
  }
  if (remove) for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
}

function isFilled(client: DatabaseSync, { name, where = 'true' }: Table): boolean {
  return client.prepare(`SELECT 1 FROM ${name} WHERE ${where} LIMIT 1`).get() !== undefined;
}

function writer(client: DatabaseSync, logs: LogFiles): (batch: Batch) => Promise<void> {
  const statements = new Map<string, StatementSync>();
  return async ({ table, rows }) => {
    if (table === LOGS) return rows.forEach(logs.write);
    const statement = statements.get(table.name) ?? client.prepare(insertInto(table));
    statements.set(table.name, statement);
    for (const row of rows) statement.run(...row.map(inputOf));
  };
}

function insertInto({ name, columns }: Table): string {
  const names = Object.keys(columns).map((column) => `"${column}"`);
  const values = Object.values(columns).map((kind) => (kind === 'json' ? 'jsonb(?)' : '?'));
  return `INSERT INTO ${name} (${names.join(', ')}) VALUES (${values.join(', ')})`;
}

function inputOf(value: Value): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value;
}

function checkCounts(client: DatabaseSync, place: string, counts: Counts): void {
  for (const { name } of TABLES) {
    const row = client.prepare(`SELECT count(*) AS n FROM ${name}`).get();
    checkCount(place, name, counts[name]!, Number(row?.n));
  }
}

/** What is there of a run already is left of one that no store knows. */
function moveLogs(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const runId of readdirSync(from)) {
    rmSync(join(to, runId), { recursive: true, force: true });
    renameSync(join(from, runId), join(to, runId));
  }
}
