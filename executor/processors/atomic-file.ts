import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ProcessorFailure } from './processor.ts';

export interface WrittenFile {
  path: string;
  size: number;
  sha256: string;
}

export interface WriteOptions {
  signal: AbortSignal;
  /** Makes the folder when it is missing. */
  mkdir: boolean;
  /** What the content must hash to, in hexadecimal. */
  sha256?: string;
}

/**
 * Writes a file through a temporary name beside it: others see the old file or the whole new one. Nothing is
 * left behind when the content fails, the signal is aborted, or the checksum is another.
 */
export async function writeAtomically(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: WriteOptions,
): Promise<WrittenFile> {
  if (options.mkdir) await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${++counter}.tmp`);
  try {
    const hash = createHash('sha256');
    let size = 0;
    const measure = new Transform({
      transform(bytes: Buffer, _encoding, done) {
        hash.update(bytes);
        size += bytes.length;
        done(null, bytes);
      },
    });
    await pipeline(content, measure, createWriteStream(temporary, { flush: true }), {
      signal: options.signal,
    });
    const sha256 = hash.digest('hex');
    checkSha256(path, sha256, options.sha256);
    await rename(temporary, path);
    return { path, size, sha256 };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

let counter = 0;

export function checkSha256(path: string, actual: string, expected: string | undefined): void {
  if (expected === undefined || expected.toLowerCase() === actual) return;
  throw new ProcessorFailure(
    'checksum-mismatch',
    `The content for ${path} has the SHA-256 ${actual}, and ${expected.toLowerCase()} was expected. Nothing was kept.`,
  );
}
