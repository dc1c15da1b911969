/**
 * The file store in a folder, shared by all processes that see it, on one machine or over a network file system.
 *
 *     id                     the store's identity
 *     objects/ab/abcdef…     whole objects by their hash: mode 0444, one modification time for all (seal.ts)
 *     trash/abcdef…          marked objects
 *     tmp/                   what is being written
 *     damaged/               objects that turned out to be something else, for a week
 *
 * **Absent to whole.** An object is written to tmp/, sealed, flushed to disk and renamed to its place. So it appears at
 * once, and after a power failure it is whole or absent: without the flush it could be there with holes. The folder is
 * not flushed: file systems with a journal keep the order of what is done to them, so where the manager's journal, on
 * the same file system, says that an object is there, it is. Two writers of one object rename one over the other; the
 * content is the same. Flushing costs 0.3 ms for a small file (measured, ext4 on a virtual disk).
 *
 * **Whole to damaged.** Placed files are hard links, which a program can make writable. A write changes the
 * modification time, which `find` sees: the object is hashed before it is used, and moved to damaged/ when it is wrong.
 *
 * **Whole to marked to gone.** Asking sets the change time of the inode. `collect` renames what is old and not referred
 * to into trash/ and an hour later deletes it. The races:
 * - An asker finds an object, and the collector, which looked before, marks it. The asker has an hour to refer to
 *   it or to ask again. Every asking that does not find an object looks into trash/ and renames it back; a collector that finds a
 *   marked object referred to does the same.
 * - An asker renames an object back while the collector deletes it. Both name it in trash/, so one of them fails with
 *   ENOENT: either it is back and not deleted, or it is gone and the asker is told so.
 * - A writer publishes what is in trash/: it asks first, and so gets it back. When it is marked between the asking and
 *   the answer, that is the first case.
 * - A process is killed between any two steps: every step is one rename or unlink, so the object is in one state.
 * All of this needs clocks that differ by much less than an hour.
 */
import { randomBytes } from 'node:crypto';
import { constants, readFileSync, statSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type FileStore, FileStoreError, type StoredObject } from './file-store.ts';
import { collectFolder, objectFiles } from './folder-collect.ts';
import { FolderObjects } from './folder-objects.ts';
import { Placer } from './folder-place.ts';
import { checkHash, chunksOf, hashOf, verified } from './hash.ts';
import { isSealed } from './seal.ts';
import { checkExpected, checkLimit, checkOffset, DEFAULT_READ_LIMIT_BYTES } from './store-checks.ts';
import { codeOf, storeError } from './system-errors.ts';
import { takeFile } from './take-file.ts';

/** Opens the store in the folder `root`, an absolute path; makes it when the folder is empty or missing. */
export async function openFolderStore(root: string): Promise<FileStore> {
  try {
    return new FolderStore(root, readId(root) ?? (await createStore(root)));
  } catch (error) {
    throw storeError(error, `The file store ${root}`);
  }
}

/** Collectors that mark an object while it is being opened. */
const MAX_ATTEMPTS = 5;

class FolderStore implements FileStore {
  readonly kind = 'folder';
  readonly id: string;
  readonly #objects: FolderObjects;
  readonly #placer = new Placer();

  constructor(root: string, id: string) {
    this.id = id;
    this.#objects = new FolderObjects(root);
  }

  async has(hash: string): Promise<number | undefined> {
    return (await this.#objects.findOrPutAside(hash))?.size;
  }

  async putStream(content: AsyncIterable<Uint8Array>, expected?: string): Promise<StoredObject> {
    if (expected !== undefined) checkHash(expected);
    const { temporary, hash, size } = await this.#objects.write(content);
    try {
      checkExpected(hash, expected);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return await this.#objects.publish(temporary, hash, size);
  }

  async putBytes(content: Uint8Array): Promise<StoredObject> {
    const hash = hashOf(content);
    if (await this.#objects.findOrPutAside(hash)) return { hash, size: content.length, known: true };
    const { temporary, size } = await this.#objects.write([content]);
    return await this.#objects.publish(temporary, hash, size);
  }

  async putFile(path: string, { move }: { move: boolean }): Promise<StoredObject> {
    return await takeFile(this.#objects, path, move);
  }

  async read(hash: string, offset = 0): Promise<Readable> {
    const { size } = await this.#objects.mustFind(hash);
    checkOffset(hash, offset, size);
    return Readable.from(this.#content(hash, offset), { objectMode: false });
  }

  async readBytes(hash: string, limit = DEFAULT_READ_LIMIT_BYTES): Promise<Uint8Array> {
    const { size } = await this.#objects.mustFind(hash);
    checkLimit(hash, size, limit);
    const bytes = Buffer.allocUnsafe(size);
    let length = 0;
    for await (const chunk of this.#content(hash, 0)) {
      bytes.set(chunk, length);
      length += chunk.length;
    }
    return bytes;
  }

  async *#content(hash: string, offset: number): AsyncGenerator<Uint8Array, void> {
    const handle = await this.#open(hash);
    try {
      const chunks = chunksOf(handle, { offset, reuse: false });
      const putAside = (actual: string) => this.#objects.putAside(hash, handle, actual);
      yield* offset === 0 ? verified(chunks, hash, putAside) : chunks;
    } catch (error) {
      throw storeError(error, `The object ${hash}`);
    } finally {
      await handle.close();
    }
  }

  async #open(hash: string): Promise<FileHandle> {
    return await this.#withObject(hash, `The object ${hash}`, (path) => open(path, 'r'));
  }

  async place(hash: string, path: string, { executable }: { executable: boolean }): Promise<void> {
    await this.#withObject(hash, `Placing a file at ${path}`, (object) =>
      this.#placer.place(object, path, executable),
    );
  }

  /** Finds it again when it was marked between the finding and its use; to find it gets it back. */
  async #withObject<R>(hash: string, where: string, use: (path: string) => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      const { path } = await this.#objects.mustFind(hash);
      try {
        return await use(path);
      } catch (error) {
        // Also when it is another path that does not exist: then it fails again.
        if (codeOf(error) !== 'ENOENT' || attempt >= MAX_ATTEMPTS) throw storeError(error, where);
      }
    }
  }

  pathOf(hash: string): string | undefined {
    checkHash(hash);
    const path = this.#objects.path(hash);
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats && isSealed(stats) ? path : undefined;
  }

  async *list(): AsyncGenerator<{ hash: string; size: number; changedMs: number }, void> {
    try {
      for await (const { hash, stats } of objectFiles(this.#objects)) {
        yield { hash, size: stats.size, changedMs: stats.ctimeMs };
      }
    } catch (error) {
      throw storeError(error, `The file store ${this.#objects.root}`);
    }
  }

  async collect(options: Parameters<FileStore['collect']>[0]) {
    try {
      return await collectFolder(this.#objects, options);
    } catch (error) {
      throw storeError(error, `The file store ${this.#objects.root}`);
    }
  }

  async close(): Promise<void> {}
}

const FOLDERS = ['objects', 'trash', 'tmp'];

function readId(root: string): string | undefined {
  let id: string | undefined;
  try {
    // Sync, because every command opens the store, and a promise takes ten times as long.
    id = readFileSync(join(root, 'id'), 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  if (id === undefined || /^[0-9a-f]{32}\n$/.test(id)) return id?.trim();
  throw new FileStoreError('unavailable', `${join(root, 'id')} is not the id of a file store.`);
}

async function createStore(root: string): Promise<string> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const strange = (await readdir(root)).filter((name) => name !== 'id' && !FOLDERS.includes(name));
  if (strange.length > 0) {
    throw new FileStoreError(
      'unavailable',
      `${root} is no file store and not empty: it has ${strange[0]}. Name an empty or a new folder.`,
    );
  }
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true });
  const temporary = join(root, 'tmp', `id-${randomBytes(8).toString('hex')}`);
  await writeFile(temporary, `${randomBytes(16).toString('hex')}\n`, {
    flag: 'wx',
    mode: 0o444,
    flush: true,
  });
  try {
    // Of two processes that make the store at once, one is first.
    await link(temporary, join(root, 'id')).catch(async (error) => {
      if (codeOf(error) === 'EEXIST') return;
      await copyFile(temporary, join(root, 'id'), constants.COPYFILE_EXCL);
    });
  } finally {
    await rm(temporary, { force: true });
  }
  return readId(root)!;
}
