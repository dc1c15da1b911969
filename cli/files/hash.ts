/** The hash of something on disk, taken in a stream. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FileStore } from '../../files/file-store.ts';
import { UsageError } from '../usage.ts';

/** SHA-256 of a file, or of the tree object of a folder; undefined when there is nothing at the path. */
export async function hashOfPath(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  if (found.isDirectory()) return hashOfFolder(path);
  if (!found.isFile()) throw new UsageError(`${path} is no file`);
  const digest = createHash('sha256');
  try {
    const content = createReadStream(path, { highWaterMark: READ_BYTES });
    for await (const data of content) digest.update(data as Buffer);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`);
  }
  return digest.digest('hex');
}

/** As the file store would have it; nothing is kept. */
async function hashOfFolder(path: string): Promise<string> {
  const { putFolder } = await import('../../files/tree.ts');
  const keepsNothing: Pick<FileStore, 'putBytes' | 'putFile'> = {
    async putFile(path) {
      return { hash: (await hashOfPath(path))!, size: (await stat(path)).size, known: true };
    },
    async putBytes(content) {
      const hash = createHash('sha256').update(content).digest('hex');
      return { hash, size: content.length, known: true };
    },
  };
  try {
    return (await putFolder(keepsNothing as FileStore, path, { move: false })).hash;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
}

/** Fewer and larger reads than Node's 64 KiB. */
const READ_BYTES = 1024 * 1024;
