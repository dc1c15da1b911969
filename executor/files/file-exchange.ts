import { bringTree } from '../../files/bring-tree.ts';
import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import { hashOf } from '../../files/hash.ts';
import { checkExpected } from '../../files/store-checks.ts';
import { MAX_TREE_BYTES } from '../../files/tree-object.ts';
import { uncheckedContent } from '../../files/unchecked-content.ts';
import { createIncomingFiles, type IncomingFiles } from './incoming-files.ts';
import type { FileTransfer } from './local-files.ts';
import { createWantedFiles, type WantedFiles } from './wanted-files.ts';

/**
 * Files between this executor's store and those of managers that have another one. What an attempt needs and is not
 * there is asked for in every session; a manager that shares the store answers like any other that it does not have it.
 */
export interface FileExchange extends Pick<IncomingFiles, 'receive' | 'close'> {
  readonly storeId: string;
  /** What attempts wait for. */
  readonly wanted: WantedFiles;
  /** Gets what is absent from the managers. */
  readonly transfer: FileTransfer;
  /** The content of an object from an offset on. Rejects with FileStoreError. */
  read(hash: string, offset: number): AsyncIterable<Uint8Array>;
  /** Milliseconds since somebody read or gave anything. */
  quietMs(): number;
}

export function createFileExchange(store: FileStore): FileExchange {
  const wanted = createWantedFiles();
  let lastMs = Number.NEGATIVE_INFINITY;

  async function takeTree(hash: string, content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const tree = Buffer.concat(chunks);
    checkExpected(hashOf(tree), hash);
    return tree;
  }

  const incoming = createIncomingFiles({
    async has(hash) {
      const size = await store.has(hash);
      if (size !== undefined) wanted.arrived(hash);
      return size;
    },
    async take(hash, size, content) {
      try {
        if (wanted.kindOf(hash) === 'tree' && size <= MAX_TREE_BYTES) {
          wanted.arrived(hash, await takeTree(hash, content));
        } else {
          await store.putStream(content, hash);
          wanted.arrived(hash);
        }
      } catch (error) {
        // What came wrong may come right from somewhere else.
        const isWrong = error instanceof FileStoreError && ['mismatch', 'unsafe'].includes(error.problem);
        if (!isWrong) wanted.failed(hash, error as Error);
        throw error;
      }
    },
    progressed() {
      lastMs = performance.now();
      wanted.progressed();
    },
  });

  const bringer = (signal: AbortSignal) => ({
    readTree: async (hash: string) =>
      (await wanted.want(hash, 'tree', signal)) ?? (await store.readBytes(hash, MAX_TREE_BYTES)),
    bring: async (hash: string) => {
      const content = await wanted.want(hash, 'blob', signal);
      // It is a tree object too, and came as one.
      if (content !== undefined) await store.putBytes(content);
    },
  });

  return {
    storeId: store.id,
    wanted,
    async transfer({ hash, folder }, signal) {
      if (folder) await bringTree(store, hash, bringer(signal));
      else if ((await store.has(hash)) === undefined) await bringer(signal).bring(hash);
    },
    async *read(hash, offset) {
      for await (const chunk of uncheckedContent(store, hash, offset)) {
        lastMs = performance.now();
        yield chunk;
      }
    },
    quietMs: () => performance.now() - lastMs,
    receive: incoming.receive,
    close: incoming.close,
  };
}
