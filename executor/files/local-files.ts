import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import type { ExecutorFiles } from './executor-files.ts';

/** Brings what is absent of an object, and of a folder of everything in it, into the store, or rejects with FileStoreError. */
export type FileTransfer = (file: { hash: string; folder: boolean }, signal: AbortSignal) => Promise<void>;

/** Files of an executor over its file store; what is not there comes by `transfer`. */
export function createLocalFiles(store: FileStore, transfer: FileTransfer): ExecutorFiles {
  return {
    store,
    async ensure(file, signal) {
      signal.throwIfAborted();
      try {
        await transfer(file, signal);
      } catch (error) {
        throw isAbsent(error) ? await whyAbsent(store, file.hash, error) : error;
      }
    },
  };
}

/** A store that had it and found it damaged says so to who reads it. */
async function whyAbsent(store: FileStore, hash: string, absent: unknown): Promise<unknown> {
  try {
    (await store.read(hash)).destroy();
  } catch (error) {
    if (!isAbsent(error)) return error;
  }
  return absent;
}

function isAbsent(error: unknown): boolean {
  return error instanceof FileStoreError && error.problem === 'absent';
}
