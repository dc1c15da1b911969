import type { Stats } from 'node:fs';
import { opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStore } from './file-store.ts';
import { ASKED_WITHIN_MS, type FolderObjects, touch } from './folder-objects.ts';
import { isHash } from './hash.ts';
import { codeOf } from './system-errors.ts';

/** From marking to deletion; the contract in file-store.ts. */
export const MARKED_MS = 3_600_000;
/** A file in tmp/ that nothing wrote to for a day was left by a process that was killed. */
const LEFTOVER_MS = 24 * 3_600_000;
/** Damaged objects are kept for whoever wants to know what happened. */
const DAMAGED_MS = 7 * 24 * 3_600_000;

type CollectOptions = Parameters<FileStore['collect']>[0];

/** Garbage collection of a folder store; why it is safe is told in folder-store.ts. */
export async function collectFolder(objects: FolderObjects, options: CollectOptions) {
  // Deletes first, so that nothing is marked and deleted by one call, whatever the clock says.
  const { deleted, bytes } = await emptyTrash(objects, options);
  const marked = await markObjects(objects, options);
  if (!options.dryRun) {
    await removeOld(join(objects.root, 'tmp'), options.nowMs - LEFTOVER_MS);
    await removeOld(join(objects.root, 'damaged'), options.nowMs - DAMAGED_MS);
  }
  return { marked, deleted, bytes };
}

/** Whole objects with what the file system says about them. */
export async function* objectFiles(
  objects: FolderObjects,
): AsyncGenerator<{ hash: string; path: string; stats: Stats }, void> {
  for (const prefix of (await readdir(join(objects.root, 'objects'))).sort()) {
    const folder = join(objects.root, 'objects', prefix);
    for await (const { name } of await opendir(folder)) {
      const path = join(folder, name);
      const stats = isHash(name) && name.startsWith(prefix) ? await statOf(path) : undefined;
      if (stats) yield { hash: name, path, stats };
    }
  }
}

async function markObjects(objects: FolderObjects, { isReferred, beforeMs, dryRun }: CollectOptions) {
  let marked = 0;
  for await (const { hash, path, stats } of objectFiles(objects)) {
    if (stats.ctimeMs + ASKED_WITHIN_MS >= beforeMs || isReferred(hash)) continue;
    if (!dryRun) {
      // The hour begins with this. Before the rename: killed between them, the object only looks young.
      touch(path);
      await rename(path, objects.trashPath(hash)).catch(ignoreMissing);
    }
    marked++;
  }
  return marked;
}

async function emptyTrash(objects: FolderObjects, { isReferred, nowMs, dryRun }: CollectOptions) {
  let deleted = 0;
  let bytes = 0;
  for (const hash of await readdir(join(objects.root, 'trash'))) {
    const path = objects.trashPath(hash);
    const stats = isHash(hash) ? await statOf(path) : undefined;
    if (!stats) continue;
    if (isReferred(hash)) {
      if (!dryRun) await rename(path, objects.path(hash)).catch(ignoreMissing);
    } else if (nowMs - stats.ctimeMs > MARKED_MS) {
      if (!dryRun) await rm(path).catch(ignoreMissing);
      deleted++;
      bytes += stats.size;
    }
  }
  return { deleted, bytes };
}

async function removeOld(folder: string, beforeMs: number): Promise<void> {
  const names = await readdir(folder).catch((error): string[] => {
    ignoreMissing(error);
    return [];
  });
  for (const name of names) {
    const stats = await statOf(join(folder, name));
    // The change time: the modification time of what is sealed says nothing.
    if (stats && stats.ctimeMs < beforeMs) await rm(join(folder, name)).catch(ignoreMissing);
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch(ignoreMissing);
}

/** Another process was faster. */
function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
