import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { endMarkedProcesses, newMark } from '../leaks.ts';

/** Milliseconds for what is on its way out (a background manager looks around for 2 s before it ends), and for a lock
 *  of the store. */
const GRACE_MS = 20_000;

/** One line for each process, lease, manager, executor and socket that wiz left; processes are ended. */
export async function leftBehind(folder: string, home: string): Promise<string[]> {
  const processes = await endMarkedProcesses(newMark(folder), GRACE_MS);
  const tables = ['managers', 'leases', 'executors', 'commands'];
  return [
    ...processes.map((line) => `process ${line}`),
    ...tables.flatMap((table) =>
      heldRows(home, table).map((row) => `row of ${table}: ${JSON.stringify(row)}`),
    ),
    ...files(home),
  ];
}

/** The lease that says when a store was pruned last is no one's. */
function heldRows(home: string, table: string): Record<string, unknown>[] {
  return rowsOf(home, table).filter(({ kind }) => table !== 'leases' || kind !== 'prune');
}

/** Rows of a table of the store. */
export function rowsOf(home: string, table: string): Record<string, unknown>[] {
  const file = join(home, 'wiz.db');
  if (!existsSync(file)) return [];
  const db = new DatabaseSync(file, { readOnly: true, timeout: GRACE_MS });
  try {
    return db.prepare(`SELECT * FROM ${table}`).all();
  } finally {
    db.close();
  }
}

function files(home: string): string[] {
  if (!existsSync(home)) return [];
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket() || entry.parentPath === join(home, 'executors'))
    .map((entry) => `file ${join(entry.parentPath, entry.name)}`);
}
