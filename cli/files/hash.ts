/** The hash of something on disk, taken in a stream. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UsageError } from '../usage.ts';

/** SHA-256 of a file; undefined when there is nothing at the path. */
export async function hashOfPath(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
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

/** Fewer and larger reads than Node's 64 KiB. */
const READ_BYTES = 1024 * 1024;
