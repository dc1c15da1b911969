import { open } from 'node:fs/promises';
import { type FileStore, FileStoreError } from './file-store.ts';
import { chunksOf } from './hash.ts';
import { checkOffset } from './store-checks.ts';
import { codeOf, storeError } from './system-errors.ts';

/**
 * The content of an object from an offset on, in chunks of at most 256 KiB, for a receiver that checks the hash: a
 * folder store's is not hashed here as well, which would cost 0.55 s for a GB. `absent` when it is not there.
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
    yield* chunksOf(handle, { offset, reuse: false });
  } catch (error) {
    throw storeError(error, `The object ${hash}`);
  } finally {
    await handle.close();
  }
}

function unlessGone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw storeError(error, 'An object of the file store');
}
