import { constants } from 'node:fs';
import { copyFile, link, lstat, open, rename, rm, stat } from 'node:fs/promises';
import type { StoredObject } from './file-store.ts';
import type { FolderObjects } from './folder-objects.ts';
import { chunksOf, hashFile } from './hash.ts';
import { isSealed, seal } from './seal.ts';
import { changed, checkUnchanged, openSource, type SourceFile } from './source-file.ts';
import { codeOf, storeError } from './system-errors.ts';

/**
 * Takes a file into a folder store.
 *
 * To **move** it is to rename it into tmp/ first, then seal it, then hash it: a program that still has it open cannot
 * write without unsealing it, neither while it is hashed nor after. When anything fails it goes back to its place. A file
 * with several names, and one that cannot be renamed or sealed (another file system, another owner), is copied.
 */
export async function takeFile(objects: FolderObjects, path: string, move: boolean): Promise<StoredObject> {
  const source = await openSource(path);
  try {
    if (move && source.stats.nlink === 1n && isOwn(source)) {
      const moved = await moveIn(objects, source);
      if (moved) return moved;
    }
    const stored = await copyIn(objects, source);
    if (move) await rm(path).catch((error) => fail(error, path));
    return stored;
  } finally {
    await source.handle.close();
  }
}

/** Undefined when the file has to be copied. */
async function moveIn(objects: FolderObjects, source: SourceFile): Promise<StoredObject | undefined> {
  const { path, handle, stats } = source;
  const temporary = objects.temporary();
  try {
    await rename(path, temporary);
  } catch (error) {
    if (['EXDEV', 'EPERM', 'EACCES', 'EROFS'].includes(codeOf(error))) return undefined;
    if (codeOf(error) === 'ENOENT' && (await isThere(objects))) throw changed(path);
    throw storeError(error, `The file store ${objects.root}`);
  }
  try {
    if ((await lstat(temporary, { bigint: true })).ino !== stats.ino) throw changed(path);
    await seal(handle);
    const { hash, size } = await hashFile(handle);
    const after = await handle.stat();
    if (!isSealed(after) || after.size !== size || after.nlink !== 1) throw changed(path);
    await handle.sync();
    return await objects.publish(temporary, hash, size);
  } catch (error) {
    await putBack(temporary, source);
    if (['EPERM', 'EACCES'].includes(codeOf(error))) return undefined;
    throw storeError(error, `The file store ${objects.root}`);
  }
}

/** As well as it can be done: the failure that led here is what counts. What cannot go back stays in tmp/ for a day. */
async function putBack(temporary: string, { path, handle, stats }: SourceFile): Promise<void> {
  const restored = async () => {
    await handle.chmod(Number(stats.mode & 0o7777n));
    // A file that was written meanwhile keeps the time of that.
    if (!isSealed(await handle.stat())) return;
    await handle.utimes(Number(stats.atimeMs) / 1000, Number(stats.mtimeMs) / 1000);
  };
  await restored().catch(() => undefined);
  // Not rename, which would replace what was made at its place meanwhile.
  await link(temporary, path)
    .then(() => rm(temporary))
    .catch(() => undefined);
}

/** Only the owner, and root, can seal a file. */
function isOwn({ stats }: SourceFile): boolean {
  const user = process.getuid?.();
  return user === 0 || (user !== undefined && BigInt(user) === stats.uid);
}

async function copyIn(objects: FolderObjects, source: SourceFile): Promise<StoredObject> {
  const clone = await cloned(objects, source);
  if (clone) return await objects.publish(clone.temporary, clone.hash, clone.size);
  const { temporary, hash, size } = await objects.write(chunksOf(source.handle, { reuse: true }));
  try {
    await checkUnchanged(source);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return await objects.publish(temporary, hash, size);
}

/** A clone, which shares its blocks with the file and does not change with it; few file systems give one. */
async function cloned(objects: FolderObjects, { path, stats }: SourceFile) {
  const temporary = objects.temporary();
  try {
    await copyFile(path, temporary, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    return undefined;
  }
  try {
    const handle = await open(temporary, 'r');
    try {
      await seal(handle);
      const { hash, size } = await hashFile(handle);
      if (BigInt(size) !== stats.size) throw changed(path);
      await handle.sync();
      return { temporary, hash, size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw storeError(error, `The file store ${objects.root}`);
  }
}

async function isThere(objects: FolderObjects): Promise<boolean> {
  return stat(`${objects.root}/tmp`).then(
    () => true,
    () => false,
  );
}

function fail(error: unknown, path: string): never {
  throw storeError(error, path);
}
