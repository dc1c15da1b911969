import { lstat } from 'node:fs/promises';
import { mediaTypeOf } from '../proto/media-type.ts';
import type { FileStore } from './file-store.ts';
import { putFolder } from './put-folder.ts';
import { kindOf, notRegular } from './source-file.ts';
import { sourceError } from './system-errors.ts';

export interface StoredPath {
  /** Of a folder: of its tree object. */
  hash: string;
  /** Bytes; of a folder: of all files in it. */
  size: number;
  folder: boolean;
  /** Empty for a folder. */
  mediaType: string;
}

/** Takes in what is at `path`, a file or a folder; a link is `unsafe`. With `move` it is gone afterwards. */
export async function putPath(
  store: FileStore,
  path: string,
  options: { move: boolean },
): Promise<StoredPath> {
  const stats = await lstat(path).catch((error) => {
    throw sourceError(error, path);
  });
  if (stats.isDirectory()) {
    const { hash, size } = await putFolder(store, path, options);
    return { hash, size, folder: true, mediaType: '' };
  }
  if (!stats.isFile()) throw notRegular(path, kindOf(stats));
  const { hash, size } = await store.putFile(path, options);
  return { hash, size, folder: false, mediaType: mediaTypeOf(path) };
}
