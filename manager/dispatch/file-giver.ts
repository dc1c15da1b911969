import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import { uncheckedContent } from '../../files/unchecked-content.ts';
import { FileCallError, type FileCalls } from './file-calls.ts';
import { pause } from './file-reader.ts';
import { createTurns } from './turns.ts';

/** Gives an executor what it wants of the manager's store. */
export interface FileGiver {
  /** What is on its way already goes on. */
  give(hashes: string[], signal: AbortSignal): void;
}

export interface FileGiverOptions {
  store: FileStore;
  calls: FileCalls;
  /** The store does not have it. */
  absent(hash: string): void;
  /** It was given up; the executor asks again in its next session. */
  gaveUp(hash: string, error: Error): void;
}

/** Objects on their way at a time. */
const AT_ONCE = 8;
const LAST_WAIT_MS = 2_000;
/** Tries without progress, about a minute. */
const TRIES = 30;

export function createFileGiver({ store, calls, absent, gaveUp }: FileGiverOptions): FileGiver {
  const inTurn = createTurns(AT_ONCE);
  const underWay = new Set<string>();

  /** False when the store does not have it. */
  async function giveOne(hash: string, signal: AbortSignal): Promise<boolean> {
    /** Undefined when the executor has to be asked: what came before something broke is there still. */
    let offset: number | undefined = 0;
    let verify = false;
    for (let tries = 0; ; tries++) {
      try {
        const size = await store.has(hash);
        if (size === undefined) return false;
        offset ??= await calls.write({ hash, size, offset: 0 }, undefined, signal);
        const content = verify ? await store.read(hash) : uncheckedContent(store, hash, offset);
        const there = await calls.write({ hash, size, offset }, content, signal);
        if (there >= size) return true;
        if (there > offset) tries = 0;
        offset = there;
      } catch (error) {
        signal.throwIfAborted();
        const kind = error instanceof FileCallError ? error.kind : undefined;
        if (kind === 'refused' || tries >= TRIES) throw error;
        // To read it whole finds out whether it is damaged here: then it is put aside, and absent.
        verify = kind === 'wrong';
        offset = verify ? 0 : undefined;
      }
      if (tries > 0) await pause(tries, LAST_WAIT_MS, signal);
    }
  }

  async function giveAndTell(hash: string, signal: AbortSignal): Promise<void> {
    underWay.add(hash);
    try {
      if (!(await inTurn(() => giveOne(hash, signal)))) absent(hash);
    } catch (error) {
      const isGone = error instanceof FileStoreError && error.problem !== 'unavailable';
      if (isGone && !signal.aborted) absent(hash);
      else if (!signal.aborted) gaveUp(hash, error as Error);
    } finally {
      underWay.delete(hash);
    }
  }

  return {
    give(hashes, signal) {
      for (const hash of hashes) if (!underWay.has(hash)) void giveAndTell(hash, signal);
    },
  };
}
