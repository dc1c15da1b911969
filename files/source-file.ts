import { type BigIntStats, constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FileStoreError } from './file-store.ts';
import { sourceError } from './system-errors.ts';

/** A file that is to be taken in, open, and as it was when that began. */
export interface SourceFile {
  path: string;
  handle: FileHandle;
  stats: BigIntStats;
}

/** Opens a regular file; a link, folder, device, socket or pipe is `unsafe`. */
export async function openSource(path: string): Promise<SourceFile> {
  // NONBLOCK, because opening a pipe waits for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error) => {
      if (error.code === 'ENXIO') throw notRegular(path, 'a socket or device');
      throw sourceError(error, path);
    },
  );
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw notRegular(path, kindOf(stats));
    return { path, handle, stats };
  } catch (error) {
    await handle.close();
    throw sourceError(error, path);
  }
}

/** Throws when the file was written since it was opened. */
export async function checkUnchanged({ path, handle, stats }: SourceFile): Promise<void> {
  const now = await handle.stat({ bigint: true });
  // Not the change time: that of a hard link changes when another one of the file is made or removed.
  if (now.mtimeNs !== stats.mtimeNs || now.size !== stats.size) throw changed(path);
}

export function changed(path: string): FileStoreError {
  return new FileStoreError(
    'changed',
    `${path} changed while it was read; nothing was stored. Something still writes to it: end that first.`,
  );
}

export function notRegular(path: string, kind: string): FileStoreError {
  return new FileStoreError('unsafe', `${path} is ${kind}; only files and folders can be stored.`);
}

export function kindOf(stats: Stats | BigIntStats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isSymbolicLink()) return 'a link';
  if (stats.isSocket()) return 'a socket';
  if (stats.isFIFO()) return 'a pipe';
  return 'a device';
}
