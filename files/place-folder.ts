import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStore } from './file-store.ts';
import { temporaryBeside } from './folder-place.ts';
import { inParallel, type Limit, limitOf } from './parallel.ts';
import { codeOf, storeError } from './system-errors.ts';
import { checkTarget, type TreeTotals } from './tree-object.ts';
import { checkDepth, checkTold, readTree } from './tree-walk.ts';

/** Objects placed at a time, however deep. */
const AT_ONCE = 16;
/** Others that place the same folder at the same path at the same time. */
const MAX_RACES = 10;

/**
 * Makes the folder of a tree object at `path`, whose own folder exists, replacing what is there. It is made beside and
 * renamed, so it is seen whole. Folders can be written, files cannot.
 */
export async function placeFolder(store: FileStore, hash: string, path: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await placeBelow(hash, temporary, 0, undefined, { store, limit: limitOf(AT_ONCE) });
    await renameOver(temporary, path);
  } catch (error) {
    throw storeError(error, `Placing a folder at ${path}`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

interface Placing {
  store: FileStore;
  limit: Limit;
}

async function placeBelow(
  hash: string,
  path: string,
  depth: number,
  told: TreeTotals | undefined,
  placing: Placing,
): Promise<void> {
  checkDepth(depth);
  const { store, limit } = placing;
  const entries = await limit(() => readTree(store, hash));
  checkTold(hash, entries, told);
  await mkdir(path);
  await inParallel(entries, AT_ONCE, async (entry) => {
    const place = join(path, entry.name);
    if (entry.kind === 'folder') {
      await placeBelow(entry.hash, place, depth + 1, entry, placing);
    } else if (entry.kind === 'link') {
      checkTarget(place, entry.target, depth);
      await symlink(entry.target, place);
    } else {
      await limit(() => store.place(entry.hash, place, { executable: entry.kind === 'executable' }));
    }
  });
}

/** Renaming replaces an empty folder only; any other is moved aside first. */
async function renameOver(temporary: string, path: string): Promise<void> {
  for (let race = 0; ; race++) {
    try {
      return await rename(temporary, path);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error)) || race >= MAX_RACES) throw error;
    }
    const aside = temporaryBeside(path);
    await rename(path, aside).catch((error) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    await rm(aside, { recursive: true, force: true });
  }
}
