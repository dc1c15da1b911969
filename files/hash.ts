import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { FileStoreError } from './file-store.ts';

/** Bytes read at once: SHA-256 takes 0.6 ms for one MiB, which is as long as the event loop waits. */
const CHUNK_BYTES = 1024 * 1024;

export function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Hashes come from other processes and become paths. */
export function checkHash(hash: string): void {
  if (isHash(hash)) return;
  const shown = JSON.stringify(hash.slice(0, 80));
  throw new FileStoreError('unsafe', `${shown} is no hash: that is 64 of the digits 0-9 and a-f.`);
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * The content of an open file from an offset on. The next chunk is read while the caller works on this one. With
 * `reuse` a chunk is good only until the next is asked for.
 */
export async function* chunksOf(
  handle: FileHandle,
  { offset = 0, reuse }: { offset?: number; reuse: boolean },
): AsyncGenerator<Uint8Array, void> {
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(reuse ? CHUNK_BYTES : 0));
  let position = offset;
  const readNext = (turn: number) => {
    const buffer = reuse ? buffers[turn % 2]! : Buffer.allocUnsafe(CHUNK_BYTES / 4);
    const reading = handle.read(buffer, 0, buffer.length, position);
    // Awaited one turn later, or never when the caller stops.
    reading.catch(() => undefined);
    return reading;
  };
  let reading = readNext(0);
  try {
    for (let turn = 1; ; turn++) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return;
      position += bytesRead;
      reading = readNext(turn);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await reading.catch(() => undefined);
  }
}

/** Hash and size of an open file, from its beginning. */
export async function hashFile(handle: FileHandle): Promise<{ hash: string; size: number }> {
  const sha256 = createHash('sha256');
  let size = 0;
  for await (const chunk of chunksOf(handle, { reuse: true })) {
    sha256.update(chunk);
    size += chunk.length;
  }
  return { hash: sha256.digest('hex'), size };
}

/** The same chunks; when all have passed, `hash` must be theirs, or `onMismatch` makes the error that is thrown. */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  hash: string,
  onMismatch: (actual: string) => Promise<Error>,
): AsyncGenerator<Uint8Array, void> {
  const sha256: Hash = createHash('sha256');
  for await (const chunk of chunks) {
    sha256.update(chunk);
    yield chunk;
  }
  const actual = sha256.digest('hex');
  if (actual !== hash) throw await onMismatch(actual);
}
