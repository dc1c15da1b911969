import fs from 'node:fs';
import { INLINE_LIMIT_BYTES } from '../../proto/data.ts';

/**
 * All of a program's standard output, which may become its output. It is
 *   small    within the limit of values: in memory
 *   large    in a file, as fast as the disk takes it
 *   broken   the disk took no more: the program goes on, its output is lost
 */
export interface StdoutCapture {
  /** Taken in any case; the promise resolves when there is room for more. */
  push(data: Uint8Array): Promise<void> | undefined;
  readonly bytes: number;
  /** Small: all of it. */
  readonly parts: readonly Uint8Array[];
  /** Large: where it is, once it is written. */
  readonly file: string | undefined;
  /** Broken: why. */
  readonly failure: Error | undefined;
  /** After the last push was taken; the file stays. */
  close(): void;
}

export function createStdoutCapture(path: string): StdoutCapture {
  let bytes = 0;
  let parts: Uint8Array[] = [];
  let fd: number | undefined;
  let failure: Error | undefined;
  let writing: Promise<void> | undefined;
  let closed = false;

  function open(): void {
    try {
      fd = fs.openSync(path, 'w', 0o600);
    } catch (error) {
      fail(error as Error);
    }
  }

  function fail(error: Error): void {
    failure = error;
    parts = [];
  }

  async function write(): Promise<void> {
    while (parts.length > 0 && failure === undefined) {
      const batch = parts;
      parts = [];
      await writeAll(fd!, batch).catch(fail);
    }
    writing = undefined;
    if (closed) closeFile();
  }

  function closeFile(): void {
    if (fd !== undefined) fs.closeSync(fd);
    fd = undefined;
  }

  return {
    push(data) {
      bytes += data.length;
      if (failure !== undefined) return undefined;
      parts.push(data);
      if (bytes <= INLINE_LIMIT_BYTES) return undefined;
      if (fd === undefined) open();
      if (failure !== undefined) return undefined;
      writing ??= write();
      return writing;
    },
    get bytes() {
      return bytes;
    },
    get parts() {
      return parts;
    },
    get file() {
      return bytes > INLINE_LIMIT_BYTES ? path : undefined;
    },
    get failure() {
      return failure;
    },
    close() {
      closed = true;
      if (writing === undefined) closeFile();
    },
  };
}

function writeAll(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A short write (a disk that is nearly full) goes on with what is left of it.
  const go = (bytes: Uint8Array) =>
    fs.write(fd, bytes, (error, written) => {
      if (error !== null) reject(error);
      else if (written < bytes.length) go(bytes.subarray(written));
      else resolve();
    });
  go(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  return promise;
}
