import { open } from 'node:fs/promises';
import { type FileStore, FileStoreError } from './file-store.ts';
import { chunksOf } from './hash.ts';
import { checkOffset } from './store-checks.ts';
import { codeOf, storeError } from './system-errors.ts';

/**
 * Bytes of a chunk, and so of a gRPC message. 128 KiB to 1 MiB cost the same (1.7 s of processor time for a GB where it is
 * sent, 2.3 s where it is received, hashed and stored); a stream that is read slowly holds 16 of them.
 */
const CHUNK_BYTES = 256 * 1024;

/**
 * The content of an object from an offset on, for a receiver that checks the hash: a folder store's is not hashed here as
 * well, which would cost 0.55 s for a GB. A chunk is good until the next is asked for. `absent` when it is not there.
 */
export async function* uncheckedContent(
  store: FileStore,
  hash: string,
  offset = 0,
): AsyncGenerator<Uint8Array, void> {
  const size = await store.has(hash);
  if (size === undefined) throw new FileStoreError('absent', `The file store has no object ${hash}.`);
  checkOffset(hash, offset, size);
  const path = store.pathOf(hash);
  // Marked at this very moment, it is found again by the store.
  const handle = path === undefined ? undefined : await open(path, 'r').catch(unlessGone);
  if (handle === undefined) {
    yield* await store.read(hash, offset);
    return;
  }
  try {
    for await (const chunk of chunksOf(handle, { offset, reuse: true })) {
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES) yield chunk.subarray(at, at + CHUNK_BYTES);
    }
  } catch (error) {
    throw storeError(error, `The object ${hash}`);
  } finally {
    await handle.close();
  }
}

function unlessGone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw storeError(error, 'An object of the file store');
}
