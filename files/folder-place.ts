import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OBJECT_MODE, SEALED_MTIME_S } from './seal.ts';
import { codeOf } from './system-errors.ts';

export const EXECUTABLE_MODE = 0o555;

/** The file system has no clones; ENOTTY and EINVAL are what some answer. */
const NO_CLONE = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY', 'EINVAL'];
/** No hard link here: another file system, too many links already, or not allowed. A copy does it. */
const NO_LINK = ['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * Puts a file of the store at another path: as a clone, as a hard link, or as a copy, whichever is the first that the
 * file system gives. A hard link shares its mode with the object, so an executable is a clone or a copy.
 */
export class Placer {
  #clones = true;

  async place(object: string, path: string, executable: boolean): Promise<void> {
    const temporary = temporaryBeside(path);
    try {
      await this.#make(object, temporary, executable);
      await rename(temporary, path);
      // Renaming a hard link over another of the same file does nothing, and leaves both.
      await rm(temporary, { force: true });
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async #make(object: string, temporary: string, executable: boolean): Promise<void> {
    const mode = executable ? EXECUTABLE_MODE : OBJECT_MODE;
    if (await this.#clone(object, temporary)) return finish(temporary, mode);
    if (!executable) {
      try {
        return await link(object, temporary);
      } catch (error) {
        if (!NO_LINK.includes(codeOf(error))) throw error;
      }
    }
    await copyFile(object, temporary, constants.COPYFILE_EXCL);
    await finish(temporary, mode);
  }

  async #clone(object: string, temporary: string): Promise<boolean> {
    if (!this.#clones) return false;
    try {
      await copyFile(object, temporary, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return true;
    } catch (error) {
      if (NO_CLONE.includes(codeOf(error))) this.#clones = false;
      else if (codeOf(error) !== 'EXDEV') throw error;
      return false;
    }
  }
}

/** Mode and time of what is placed are the same on every file system. */
export async function finish(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
  await utimes(path, SEALED_MTIME_S, SEALED_MTIME_S);
}

/** A new name in the same folder, so that renaming from it replaces `path` at once. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.wiz-${randomBytes(8).toString('hex')}`);
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
