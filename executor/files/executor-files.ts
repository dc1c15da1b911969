import type { FileStore } from '../../files/file-store.ts';

/** The file store as attempts on this executor use it. */
export interface ExecutorFiles {
  readonly store: FileStore;
  /**
   * Resolves when the object, and of a folder everything in it, is in the store: at once when it is there, otherwise
   * after a manager has sent it. Rejects with FileStoreError, and with the signal's reason when that is aborted.
   */
  ensure(file: { hash: string; folder: boolean }, signal: AbortSignal): Promise<void>;
}
