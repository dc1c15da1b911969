import { lstat, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileStore, FileStoreError } from './file-store.ts';
import { inParallel, type Limit, limitOf } from './parallel.ts';
import { kindOf, notRegular } from './source-file.ts';
import { sourceError } from './system-errors.ts';
import {
  checkName,
  checkTarget,
  encodeTree,
  type TreeEntry,
  type TreeTotals,
  totalsOf,
} from './tree-object.ts';
import { checkDepth } from './tree-walk.ts';

/** Objects put at a time, however deep: enough to hash one while others are flushed or sent. */
const AT_ONCE = 8;

/**
 * Takes a folder in as one object, files first, so that a tree object is never stored before what it names. With
 * `move` the folder is gone afterwards; when it fails, what was moved before is in the store and not in the folder.
 */
export async function putFolder(
  store: FileStore,
  path: string,
  options: { move: boolean },
): Promise<{ hash: string } & TreeTotals> {
  const stats = await lstat(path).catch((error) => fail(error, path));
  if (!stats.isDirectory()) throw notRegular(path, kindOf(stats));
  const stored = await putBelow(path, 0, { store, limit: limitOf(AT_ONCE), move: options.move });
  if (options.move) await rm(path, { recursive: true });
  return stored;
}

interface Putting {
  store: FileStore;
  limit: Limit;
  move: boolean;
}

async function putBelow(
  path: string,
  depth: number,
  putting: Putting,
): Promise<{ hash: string } & TreeTotals> {
  checkDepth(depth);
  const found = await readdir(path, { encoding: 'buffer' }).catch((error) => fail(error, path));
  const names = found.map((name) => nameOf(name, path));
  const entries = await inParallel(names, AT_ONCE, (name) =>
    putEntry(join(path, name), name, depth, putting),
  );
  const { hash } = await putting.limit(() => putting.store.putBytes(encodeTree(entries)));
  return { hash, ...totalsOf(entries) };
}

async function putEntry(path: string, name: string, depth: number, putting: Putting): Promise<TreeEntry> {
  const stats = await lstat(path).catch((error) => fail(error, path));
  if (stats.isSymbolicLink()) {
    const target = await readlink(path).catch((error) => fail(error, path));
    checkTarget(path, target, depth);
    return { kind: 'link', name, target };
  }
  if (stats.isDirectory()) {
    return { kind: 'folder', name, ...(await putBelow(path, depth + 1, putting)) };
  }
  if (!stats.isFile()) throw notRegular(path, kindOf(stats));
  const { hash, size } = await putting.limit(() => putting.store.putFile(path, { move: putting.move }));
  return { kind: stats.mode & 0o100 ? 'executable' : 'file', name, hash, size };
}

function nameOf(bytes: Buffer, folder: string): string {
  const name = bytes.toString('utf8');
  // Names travel as text; what is no text would come out as another name.
  if (!Buffer.from(name).equals(bytes)) {
    throw new FileStoreError(
      'unsafe',
      `${folder} has a file whose name is not UTF-8: ${JSON.stringify(name)}.`,
    );
  }
  checkName(name);
  return name;
}

function fail(error: unknown, path: string): never {
  throw sourceError(error, path);
}
