import { setTimeout as sleep } from 'node:timers/promises';
import { bringTree } from '../../files/bring-tree.ts';
import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import { MAX_TREE_BYTES } from '../../files/tree-object.ts';
import { FileCallError, type FileCalls } from './file-calls.ts';
import { createSharedWork } from './shared-work.ts';
import { createTurns } from './turns.ts';

/** Brings files of one executor into the manager's store. */
export interface FileReader {
  /**
   * Resolves when the object, and of a folder everything in it, is in the store. While the executor cannot be reached or
   * the store cannot be written it waits. Rejects with FileLost, and with the signal's reason.
   */
  bring(file: { hash: string; folder: boolean }, signal: AbortSignal): Promise<void>;
}

/** It will not come from this executor. */
export class FileLost extends Error {
  constructor(hash: string, cause: unknown) {
    const why = (cause as Error).message.replace(/\.$/, '');
    super(`the file ${hash} could not be read from the executor that made it: ${why}`, { cause });
    this.name = 'FileLost';
  }
}

export interface FileReaderOptions {
  store: FileStore;
  calls: FileCalls;
  /** Whether there is a session: then it should work. */
  inSession(): boolean;
  /** The store cannot take an object; it is tried again. Undefined: it is over, one way or the other. */
  failing(hash: string, error: Error | undefined): void;
}

/** Objects on their way at a time: enough that small ones do not wait for each other's flush to the disk. */
const AT_ONCE = 8;
/** Milliseconds before something is tried again, doubled up to the last. */
const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 2_000;
const LAST_STORE_WAIT_MS = 10_000;
/** Tries without a byte while there is a session, about a minute. */
const TRIES = 30;
/** How often content may come that is not what its hash says. */
const WRONG_TRIES = 3;

export function createFileReader({ store, calls, inSession, failing }: FileReaderOptions): FileReader {
  const inTurn = createTurns(AT_ONCE);
  const shared = createSharedWork<void>();

  /** The content, whatever breaks on the way: each try goes on where the one before ended. */
  async function* content(hash: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    let offset = 0;
    let tries = 0;
    for (let breaks = 0; ; breaks++) {
      try {
        for await (const chunk of calls.read(hash, offset, signal)) {
          offset += chunk.length;
          tries = 0;
          breaks = 0;
          yield chunk;
        }
        return;
      } catch (error) {
        const isBroken = error instanceof FileCallError && error.kind === 'broken';
        if (!isBroken || tries >= TRIES) throw error;
        await pause(breaks, LAST_WAIT_MS, signal);
        if (inSession()) tries += 1;
      }
    }
  }

  async function bringBlob(hash: string, signal: AbortSignal): Promise<void> {
    let told = false;
    try {
      for (let tries = 1; ; tries++) {
        try {
          return void (await store.putStream(content(hash, signal), hash));
        } catch (error) {
          signal.throwIfAborted();
          if (!isOurs(error) && (!isWrong(error) || tries >= WRONG_TRIES)) throw new FileLost(hash, error);
          if (isOurs(error)) {
            failing(hash, error as Error);
            told = true;
          }
          await pause(tries, LAST_STORE_WAIT_MS, signal);
        }
      }
    } finally {
      if (told) failing(hash, undefined);
    }
  }

  async function readTree(hash: string, signal: AbortSignal): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of content(hash, signal)) {
      bytes += chunk.length;
      if (bytes > MAX_TREE_BYTES) throw new FileStoreError('too-large', 'its tree object is too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** Several reports may name the same object. */
  const bring = (hash: string, signal: AbortSignal) =>
    shared(hash, signal, (ending) =>
      inTurn(async () => {
        ending.throwIfAborted();
        if ((await store.has(hash)) === undefined) await bringBlob(hash, ending);
      }),
    );

  return {
    async bring({ hash, folder }, signal) {
      for (let tries = 1; ; tries++) {
        try {
          if (!folder) return await bring(hash, signal);
          return await bringTree(store, hash, {
            bring: (child) => bring(child, signal),
            readTree: (tree) => inTurn(() => readTree(tree, signal)),
          });
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof FileLost) throw error;
          if (!isOurs(error)) throw new FileLost(hash, error);
          failing(hash, error as Error);
          await pause(tries, LAST_STORE_WAIT_MS, signal).finally(() => failing(hash, undefined));
        }
      }
    },
  };
}

/** The manager's own store cannot be used at the moment. */
function isOurs(error: unknown): boolean {
  return error instanceof FileStoreError && ['full', 'read-only', 'unavailable'].includes(error.problem);
}

function isWrong(error: unknown): boolean {
  return error instanceof FileStoreError && error.problem === 'mismatch';
}

export function pause(tries: number, lastMs: number, signal: AbortSignal): Promise<void> {
  return sleep(Math.min(FIRST_WAIT_MS * 2 ** tries, lastMs), undefined, { signal, ref: false });
}
