import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileStamp, Store } from '../store/store.ts';
import { batched } from './batched.ts';

/**
 * Hashes of files on disk. A file is read once; after that its stamp (size, times, inode) stands for its content, in
 * this process and in the store. A stamp younger than SETTLED_MS does not: the file may be written once more within the
 * grain of its clock, and look the same.
 */
export interface FileHashes {
  /** What the disk looks like for one question: each file is looked at once. */
  look(): Look;
}

export interface Look {
  /** SHA-256 of a regular file, hexadecimal; undefined when there is none at that path. A promise only when it has
   *  to be read, or the store asked. Rejects with UnsteadyFile. */
  hashOf(path: string): string | undefined | Promise<string | undefined>;
  /** Made once for each key. */
  once<T>(key: string, make: () => T): T;
}

/** The file is being written: nothing is known about what a program will read. */
export class UnsteadyFile extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} changed while it was read`);
    this.path = path;
  }
}

/** Milliseconds. The coarsest clocks of file systems in use (FAT) have 2 s. */
const SETTLED_MS = 2000;
/** Files whose hash is remembered in this process: about 300 bytes each. */
const REMEMBERED = 50_000;
/** Files that are read at once. */
const READERS = 4;

export function createFileHashes(
  store: Pick<Store, 'getFileStamps' | 'putFileStamps'>,
  note: (message: string) => void,
): FileHashes {
  const stamps = new Map<string, FileStamp>();
  const reading = new Map<string, Promise<string | undefined>>();
  const stored = batched(async (paths: string[]) => {
    try {
      return await store.getFileStamps(paths);
    } catch (error) {
      note(`hashes of files could not be looked up: ${error}`);
      return new Map<string, FileStamp>();
    }
  });
  const keep = batched(async (list: FileStamp[]) => {
    await store.putFileStamps(list).catch((error) => note(`hashes of files were not kept: ${error}`));
    return new Map<FileStamp, never>();
  });
  const turn = limited(READERS);

  function remember(stamp: FileStamp): void {
    if (stamps.size >= REMEMBERED) stamps.delete(stamps.keys().next().value!);
    stamps.set(stamp.path, stamp);
  }

  function find(path: string): string | undefined | Promise<string | undefined> {
    const stats = statOf(path);
    if (stats === undefined) return undefined;
    const known = stamps.get(path);
    if (known !== undefined && fits(known, stats)) return known.hash;
    const key = `${path}\0${stats.mtimeNs}\0${stats.ctimeNs}\0${stats.size}\0${stats.ino}`;
    let found = isSettled(stats) ? reading.get(key) : undefined;
    if (found === undefined) {
      found = findOrRead(path, stats).finally(() => reading.delete(key));
      reading.set(key, found);
    }
    return found;
  }

  async function findOrRead(path: string, stats: BigIntStats): Promise<string | undefined> {
    if (isSettled(stats)) {
      const known = await stored(path);
      if (known !== undefined && fits(known, stats)) {
        remember(known);
        return known.hash;
      }
    }
    return turn(() => read(path));
  }

  async function read(path: string): Promise<string | undefined> {
    const nowMs = Date.now();
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new UnsteadyFile(path) : error;
    });
    try {
      const before = await file.stat({ bigint: true });
      const hash = createHash('sha256');
      for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1 << 20 }))
        hash.update(chunk);
      const after = await file.stat({ bigint: true });
      // The name may stand for another file by now, too.
      const named = statOf(path);
      const stamp = stampOf(path, before, hash.digest('hex'));
      if (!fits(stamp, after) || named === undefined || !fits(stamp, named)) throw new UnsteadyFile(path);
      if (isSettled(before, nowMs)) {
        remember(stamp);
        void keep(stamp);
      }
      return stamp.hash;
    } finally {
      await file.close();
    }
  }

  return {
    look() {
      const seen = new Map<string, unknown>();
      const once = <T>(key: string, make: () => T): T => {
        if (!seen.has(key)) seen.set(key, make());
        return seen.get(key) as T;
      };
      return { once, hashOf: (path) => once(`hash ${path}`, () => find(path)) };
    },
  };
}

function statOf(path: string): BigIntStats | undefined {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() ? stats : undefined;
  } catch {
    // A part of the path is no folder, or may not be entered: for the program it is not there either.
    return undefined;
  }
}

function isSettled({ mtimeNs, ctimeNs }: BigIntStats, nowMs = Date.now()): boolean {
  const changedNs = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return BigInt(nowMs - SETTLED_MS) * 1_000_000n > changedNs;
}

function stampOf(path: string, { size, mtimeNs, ctimeNs, ino }: BigIntStats, hash: string): FileStamp {
  const times = { mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs) };
  return { path, size: Number(size), ...times, inode: String(ino), hash };
}

function fits(stamp: FileStamp, { size, mtimeNs, ctimeNs, ino }: BigIntStats): boolean {
  return (
    stamp.size === Number(size) &&
    stamp.mtimeNs === String(mtimeNs) &&
    stamp.ctimeNs === String(ctimeNs) &&
    stamp.inode === String(ino)
  );
}

/** At most so many at once, in the order they came. */
function limited(most: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(task: () => Promise<T>): Promise<T> => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next !== undefined) next();
      else running -= 1;
    }
  };
}
