import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import type { ExecutorFiles } from './executor-files.ts';

/** Brings an object, and of a folder everything in it, into the store, or rejects with FileStoreError. */
export type FileTransfer = (file: { hash: string; folder: boolean }, signal: AbortSignal) => Promise<void>;

/**
 * Files of an executor over its own file store. What is not there comes by `transfer`; without one, every manager is
 * taken to share the store, and what is not there is absent.
 */
export function createLocalFiles(store: FileStore, transfer?: FileTransfer): ExecutorFiles {
  return {
    store,
    async ensure(file, signal) {
      signal.throwIfAborted();
      // Of a folder the tree object alone is looked at: it is put last.
      if ((await store.has(file.hash)) !== undefined) return;
      if (transfer !== undefined) return transfer(file, signal);
      throw await whyAbsent(store, file.hash);
    },
  };
}

/** A store that had it and found it damaged says so to who reads it. */
async function whyAbsent(store: FileStore, hash: string): Promise<unknown> {
  try {
    (await store.read(hash)).destroy();
  } catch (error) {
    if (!(error instanceof FileStoreError && error.problem === 'absent')) return error;
  }
  return new FileStoreError(
    'absent',
    `The file ${hash} is not in the file store of this executor. Managers and executors have to use the same store.`,
  );
}
