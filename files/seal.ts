import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * Every object has this modification time, in seconds, and is not writable. A write through a hard link, by a program
 * that made it writable or runs as root, sets the time to another, which costs no more than a stat to notice.
 */
export const SEALED_MTIME_S = 1_000_000_000;
export const OBJECT_MODE = 0o444;

/** Whatever is written from now on shows, so seal first and hash then. */
export async function seal(handle: FileHandle): Promise<void> {
  await handle.chmod(OBJECT_MODE);
  await handle.utimes(SEALED_MTIME_S, SEALED_MTIME_S);
}

export function isSealed(stats: Stats): boolean {
  return stats.mtimeMs === SEALED_MTIME_S * 1000;
}
