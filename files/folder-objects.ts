import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, renameSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileStoreError, type StoredObject } from './file-store.ts';
import { checkHash, chunksOf } from './hash.ts';
import { isSealed, OBJECT_MODE, seal } from './seal.ts';
import { codeOf, storeError } from './system-errors.ts';

/** How exact the time of the last asking is; it is in the inode, and writing that for each would be slow. */
export const ASKED_WITHIN_MS = 60_000;

/** How often an object is looked for in its place and in trash/, while collectors and askers move it. */
const RESTORE_ROUNDS = 2;

export interface FoundObject {
  path: string;
  size: number;
}

/**
 * The objects of a folder store as files; the states and why they are safe are told in folder-store.ts.
 *
 * One level of 256 folders, as in git: a million objects are 4,000 in each, and a second level would cost a folder
 * of 4 KiB for nearly every object of a small store.
 */
export class FolderObjects {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  path(hash: string): string {
    return join(this.root, 'objects', hash.slice(0, 2), hash);
  }

  trashPath(hash: string): string {
    return join(this.root, 'trash', hash);
  }

  temporary(): string {
    return join(this.root, 'tmp', `${process.pid}-${randomBytes(8).toString('hex')}`);
  }

  /** Finds a whole object, gets it back when it was marked, and looks whether it is as it was published. */
  async find(hash: string): Promise<FoundObject | undefined> {
    checkHash(hash);
    const path = this.path(hash);
    const stats = this.#statOrRestore(hash);
    if (!stats) {
      this.#checkStore();
      return undefined;
    }
    if (!isSealed(stats)) await this.#replaceWithCopy(hash);
    else if (Date.now() - stats.ctimeMs > ASKED_WITHIN_MS || (stats.mode & 0o777) !== OBJECT_MODE)
      touch(path);
    return { path, size: stats.size };
  }

  async mustFind(hash: string): Promise<FoundObject> {
    const found = await this.find(hash);
    if (found) return found;
    const aside = await this.#damaged(hash);
    if (aside !== undefined) throw this.#mismatch(hash, 'something else', aside);
    throw new FileStoreError('absent', `The file store ${this.root} has no object ${hash}.`);
  }

  /** As `find`, and a damaged object is an absent one. */
  async findOrPutAside(hash: string): Promise<FoundObject | undefined> {
    try {
      return await this.find(hash);
    } catch (error) {
      if (error instanceof FileStoreError && error.problem === 'mismatch') return undefined;
      throw error;
    }
  }

  /** Writes a stream to a file in tmp/, sealed and on disk. What the stream throws is thrown as it is. */
  async write(
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<{ temporary: string; hash: string; size: number }> {
    const temporary = this.temporary();
    const sha256 = createHash('sha256');
    let size = 0;
    const handle = await open(temporary, 'wx', 0o600).catch((error) => this.#fail(error));
    try {
      for await (const chunk of content) {
        const writing = writeAll(handle, chunk, size);
        // Hashed while it is written; what is thrown here is thrown below.
        writing.catch(() => undefined);
        sha256.update(chunk);
        size += chunk.length;
        await writing.catch((error) => this.#fail(error));
      }
      await seal(handle)
        .then(() => handle.sync())
        .catch((error) => this.#fail(error));
      return { temporary, hash: sha256.digest('hex'), size };
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
  }

  /** Makes a sealed file in tmp/ the object `hash`, unless that is there; the file is gone afterwards. */
  async publish(temporary: string, hash: string, size: number): Promise<StoredObject> {
    try {
      if (await this.findOrPutAside(hash)) {
        await rm(temporary);
        return { hash, size, known: true };
      }
      await this.#renameToObject(temporary, hash);
      return { hash, size, known: false };
    } catch (error) {
      throw storeError(error, this.#where);
    }
  }

  /** Moves an object that is not what its hash says to damaged/, and returns the error that says so. */
  async putAside(hash: string, handle: FileHandle, actual: string): Promise<FileStoreError> {
    const path = this.path(hash);
    const aside = join(this.root, 'damaged', `${hash}-${randomBytes(4).toString('hex')}`);
    // Not when another process has put a good one in its place.
    if (this.#stat(path)?.ino === (await handle.stat()).ino) {
      await mkdir(dirname(aside), { recursive: true })
        .then(() => rename(path, aside))
        .catch((error) => {
          if (codeOf(error) !== 'ENOENT') throw storeError(error, this.#where);
        });
    }
    return this.#mismatch(hash, actual, aside);
  }

  /** Where an object is that was put aside, so that it is not only absent for those who come later. */
  async #damaged(hash: string): Promise<string | undefined> {
    const folder = join(this.root, 'damaged');
    const names = await readdir(folder).catch((): string[] => []);
    const name = names.find((one) => one.startsWith(hash));
    return name === undefined ? undefined : join(folder, name);
  }

  #mismatch(hash: string, actual: string, aside: string): FileStoreError {
    return new FileStoreError(
      'mismatch',
      `The object ${hash} of the file store ${this.root} has been changed, its content is ${actual} now: a program ` +
        `wrote to a file that was placed, or the disk is damaged. It was moved to ${aside}; make it again.`,
    );
  }

  /**
   * Of an object that was touched: when its content is right, a copy of it becomes the object, which parts it from the
   * file through which it was touched; otherwise it is put aside.
   */
  async #replaceWithCopy(hash: string): Promise<void> {
    const handle = await open(this.path(hash), 'r').catch((error) => this.#fail(error));
    try {
      const copy = await this.write(chunksOf(handle, { reuse: true }));
      if (copy.hash === hash) return await this.#renameToObject(copy.temporary, hash);
      await rm(copy.temporary);
      throw await this.putAside(hash, handle, copy.hash);
    } finally {
      await handle.close();
    }
  }

  async #renameToObject(temporary: string, hash: string): Promise<void> {
    const path = this.path(hash);
    try {
      await rename(temporary, path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw storeError(error, this.#where);
      await mkdir(dirname(path)).catch((mkdirError) => {
        if (codeOf(mkdirError) !== 'EEXIST') throw storeError(mkdirError, this.#where);
      });
      await rename(temporary, path).catch((again) => this.#fail(again));
    }
  }

  /** Sync, because a stat takes 2 µs so and 30 µs with a promise, and a cached run asks for thousands. */
  #statOrRestore(hash: string): Stats | undefined {
    const path = this.path(hash);
    for (let round = 0; round < RESTORE_ROUNDS; round++) {
      const stats = this.#stat(path);
      if (stats) return stats;
      // Looked at again also when this fails: another asker may have been faster.
      this.#restore(hash);
    }
    return this.#stat(path);
  }

  #restore(hash: string): void {
    try {
      renameSync(this.trashPath(hash), this.path(hash));
      touch(this.path(hash));
    } catch (error) {
      // It is not there; on a store that cannot be written nothing is restored.
      if (!['ENOENT', 'EROFS', 'EACCES'].includes(codeOf(error))) throw storeError(error, this.#where);
    }
  }

  #stat(path: string): Stats | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      throw storeError(error, this.#where);
    }
  }

  /** A store that is not mounted must not look like an empty one. */
  #checkStore(): void {
    if (this.#stat(join(this.root, 'id'))) return;
    throw new FileStoreError('unavailable', `${this.#where}: its folder is gone. Is a disk not mounted?`);
  }

  get #where(): string {
    return `The file store ${this.root}`;
  }

  #fail(error: unknown): never {
    throw storeError(error, this.#where);
  }
}

/**
 * Sets the inode's change time, which is when an object was asked for last, and takes write permission away again.
 * Not utimes: that would hide a write that comes between looking and touching.
 */
export function touch(path: string): void {
  try {
    chmodSync(path, OBJECT_MODE);
  } catch (error) {
    // Moved meanwhile, or the store cannot be written: then it is not collected here either.
    if (!['ENOENT', 'EROFS', 'EPERM', 'EACCES'].includes(codeOf(error))) throw error;
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
