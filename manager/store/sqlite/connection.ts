import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle, type NodeSQLiteDatabase } from 'drizzle-orm/node-sqlite/driver';
import { WizError } from '../../../proto/error.ts';
import { isBusy, storeError } from './errors.ts';
import { migrate } from './migrate.ts';

/**
 * One connection to the file. Reads are synchronous and see the last commit of any process. A write is one
 * transaction, begun IMMEDIATE so that it never fails half-way for a lock; when another process holds the lock
 * it waits without blocking the event loop, and writes that come meanwhile wait behind it, in order.
 */
export interface Connection {
  readonly path: string;
  readonly client: DatabaseSync;
  readonly db: NodeSQLiteDatabase;
  /** Prepared once for each text: for what is called every tick. */
  statement(text: string): StatementSync;
  read<T>(work: () => T): T;
  /** `undo()` inside `work` keeps the result and rolls back what was written. With `later` the disk is not waited for: the
   *  next write that does wait carries this one with it. */
  write<T>(work: (undo: () => void) => T, options?: { later?: boolean }): Promise<T>;
  /** What is to end with the connection. */
  readonly closing: Set<() => void>;
  close(): void;
}

/** Milliseconds SQLite itself waits for a lock, the event loop blocked; commits of others take less. */
const BUSY_MS = 100;
/** Milliseconds until a write gives up: longer than any commit, shorter than people wait. */
const PATIENCE_MS = 15_000;
/** Milliseconds between tries. */
const RETRY_MS = 10;

/** Opens the file, creates it (0600, its folder 0700) and migrates it. Throws WizError. */
export async function connect(path: string): Promise<Connection> {
  try {
    createFile(path);
    const client = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      // SQLite does not wait when two connections switch a new file to WAL at once: it fails, try again.
      await patiently(() => {
        // SQLite's own checkpoint at 4 MB stays: 16 MB commits no faster and stalls the loop twice as long.
        client.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
        migrate(client, path);
      });
      return wrap(client, path);
    } catch (error) {
      client.close();
      throw error;
    }
  } catch (error) {
    throw storeError(error, path);
  }
}

function wrap(client: DatabaseSync, path: string): Connection {
  const statements = new Map<string, StatementSync>();
  let lastWaiting: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  function statement(text: string): StatementSync {
    let prepared = statements.get(text);
    if (prepared === undefined) {
      prepared = client.prepare(text);
      statements.set(text, prepared);
    }
    return prepared;
  }

  function transaction<T>(work: (undo: () => void) => T): T {
    statement('BEGIN IMMEDIATE').run();
    let end = 'COMMIT';
    try {
      const result = work(() => {
        end = 'ROLLBACK';
      });
      statement(end).run();
      return result;
    } catch (error) {
      // SQLite rolls back by itself when the disk is full.
      if (client.isTransaction) client.exec('ROLLBACK');
      throw error;
    }
  }

  /** In a WAL commits are in their order: syncing a later one syncs all before it. */
  function unsynced<T>(work: (undo: () => void) => T): T {
    client.exec('PRAGMA synchronous = NORMAL');
    try {
      return transaction(work);
    } finally {
      client.exec('PRAGMA synchronous = FULL');
    }
  }

  async function write<T>(work: (undo: () => void) => T, options?: { later?: boolean }): Promise<T> {
    const commit = options?.later ? unsynced : transaction;
    try {
      if (waiting === 0) {
        try {
          return commit(work);
        } catch (error) {
          if (!isBusy(error)) throw error;
        }
      }
      waiting += 1;
      const turn = lastWaiting.then(() => patiently(() => commit(work)));
      lastWaiting = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        waiting -= 1;
      }
    } catch (error) {
      throw storeError(error, path);
    }
  }

  const closing = new Set<() => void>();
  return {
    path,
    client,
    db: drizzle({ client }),
    statement,
    read(work) {
      try {
        return work();
      } catch (error) {
        throw storeError(error, path);
      }
    },
    write,
    closing,
    close() {
      for (const end of closing) end();
      if (client.isOpen) client.close();
    },
  };
}

async function patiently<T>(work: () => T): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await sleep(RETRY_MS);
  }
}

export function createFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Never opened when it is there: closing a descriptor would drop the locks of this process on the file.
    // SQLite gives the mode to the -wal and -shm files too.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new WizError(
      full
        ? 'resource_exhausted'
        : code === 'EACCES' || code === 'EPERM'
          ? 'permission_denied'
          : 'unavailable',
      `The store ${path} cannot be created (${(error as Error).message}); ` +
        (full ? 'make room on its disk and try again.' : 'set WIZ_HOME to a folder that you can write.'),
      { cause: error },
    );
  }
}
