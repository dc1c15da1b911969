/**
 * The file store in an S3 bucket, for executors and managers that share no disk.
 *
 *     PREFIXid                             the store's identity
 *     PREFIXobjects/HASH.UPLOAD            an upload of an object; UPLOAD is random
 *     PREFIXobjects/HASH.UPLOAD.asked      empty; its time is when the object was asked for last
 *     PREFIXobjects/HASH.UPLOAD.marked     empty; its time is when the collector marked the upload
 *
 * S3 shows an upload when it is complete, and listings show what was written before (Amazon since 2020, and MinIO,
 * Ceph, R2). One listing of `objects/HASH` tells everything about an object. Content is hashed before it is sent, and
 * once more while it is sent, because its key has to be known and a file may change.
 *
 * **Marked to gone.** There is no rename that fails when another was faster, so times do it. The collector deletes an
 * upload when a listing shows it with a mark of 60 minutes and no asking in time. An asker writes `.asked` while the mark
 * that it saw is younger than 30 minutes: then every listing that could lead to a deletion is still to come, and will
 * show the asking. A later asker takes the upload for absent and does not touch it: a collector may have decided
 * already, and its request to delete may arrive at any time. The asker puts the object anew, under a key of its
 * own that no collector has looked at. That is why uploads have random names. An asking that S3 dates 45 minutes or more
 * after the mark is void to all, so that nobody takes the upload for whole again. The 15 minutes between are how much
 * clocks may differ.
 * - Two writers of one object make two uploads; both are right, readers take the first, and `collect` marks the other.
 * - A collector that is killed leaves an upload, or marks without one, to the next.
 * - An asking is written when the last one is half an hour old, and `collect` allows for that before it marks.
 * - A mark on what is referred to is taken away. Whoever refers has asked, and not before `beforeMs`, so no collector
 *   has marked it without seeing the reference, or will delete it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type FileStore, FileStoreError, type StoredObject } from './file-store.ts';
import { EXECUTABLE_MODE, finish, temporaryBeside } from './folder-place.ts';
import { checkHash, hashFile, hashOf, verified } from './hash.ts';
import type { S3Address } from './s3-address.ts';
import { S3Bucket } from './s3-bucket.ts';
import { collectS3 } from './s3-collect.ts';
import { s3CodeOf, statusOf } from './s3-errors.ts';
import { isMarked, lastAskedMs, newKey, S3Objects, uploadsOf } from './s3-objects.ts';
import { readObject } from './s3-read.ts';
import { uploadFile } from './s3-upload.ts';
import { OBJECT_MODE } from './seal.ts';
import { checkUnchanged, openSource } from './source-file.ts';
import { spool } from './spool.ts';
import { checkExpected, checkLimit, checkOffset, DEFAULT_READ_LIMIT_BYTES } from './store-checks.ts';
import { storeError } from './system-errors.ts';

/** Opens the store at `address`; makes it in an existing bucket. `environment` has the credentials, and TMPDIR. */
export async function openS3Store(address: S3Address, environment: NodeJS.ProcessEnv): Promise<FileStore> {
  const bucket = new S3Bucket(address, environment);
  try {
    return new S3Store(bucket, await idOf(bucket), environment.TMPDIR || tmpdir());
  } catch (error) {
    bucket.client.destroy();
    throw error;
  }
}

class S3Store implements FileStore {
  readonly kind = 's3';
  readonly id: string;
  readonly #bucket: S3Bucket;
  readonly #objects: S3Objects;
  readonly #spoolFolder: string;

  constructor(bucket: S3Bucket, id: string, spoolFolder: string) {
    this.id = id;
    this.#bucket = bucket;
    this.#objects = new S3Objects(bucket);
    this.#spoolFolder = spoolFolder;
  }

  async has(hash: string): Promise<number | undefined> {
    return (await this.#objects.find(hash))?.size;
  }

  async putStream(content: AsyncIterable<Uint8Array>, expected?: string): Promise<StoredObject> {
    if (expected !== undefined) checkHash(expected);
    const { handle, hash, size } = await spool(content, this.#spoolFolder);
    try {
      checkExpected(hash, expected);
      return await this.#put(hash, size, (key) =>
        uploadFile(this.#bucket, key, { handle, hash, size, name: 'A temporary file' }),
      );
    } finally {
      await handle.close();
    }
  }

  async putBytes(content: Uint8Array): Promise<StoredObject> {
    return await this.#put(hashOf(content), content.length, (key) => this.#bucket.put(key, content));
  }

  async putFile(path: string, { move }: { move: boolean }): Promise<StoredObject> {
    const source = await openSource(path);
    try {
      const { handle } = source;
      const { hash, size } = await hashFile(handle);
      const stored = await this.#put(hash, size, (key) =>
        uploadFile(this.#bucket, key, { handle, hash, size, name: path }),
      );
      await checkUnchanged(source);
      if (move) await rm(path);
      return stored;
    } catch (error) {
      throw storeError(error, path);
    } finally {
      await source.handle.close();
    }
  }

  async #put(hash: string, size: number, upload: (key: string) => Promise<void>): Promise<StoredObject> {
    if (await this.#objects.find(hash)) return { hash, size, known: true };
    const key = newKey(hash);
    const startedMs = Date.now();
    await upload(key);
    // The time of an upload in parts is that of its beginning, and the collector should not take it for old.
    if (Date.now() - startedMs > 60_000) await this.#objects.ask(key);
    return { hash, size, known: false };
  }

  async read(hash: string, offset = 0): Promise<Readable> {
    const { key, size } = await this.#objects.mustFind(hash);
    checkOffset(hash, offset, size);
    return Readable.from(this.#content(hash, key, size, offset), { objectMode: false });
  }

  async readBytes(hash: string, limit = DEFAULT_READ_LIMIT_BYTES): Promise<Uint8Array> {
    const { key, size } = await this.#objects.mustFind(hash);
    checkLimit(hash, size, limit);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#content(hash, key, size, 0)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  #content(hash: string, key: string, size: number, offset: number): AsyncGenerator<Uint8Array, void> {
    const chunks = readObject(this.#bucket, key, size, offset);
    if (offset > 0) return chunks;
    return verified(chunks, hash, (actual) => this.#wrongContent(hash, key, size, actual));
  }

  /** Read twice with the same outcome, it is the object that is wrong and not the way; then it is removed. */
  async #wrongContent(hash: string, key: string, size: number, actual: string): Promise<FileStoreError> {
    const sha256 = createHash('sha256');
    for await (const chunk of readObject(this.#bucket, key, size, 0)) sha256.update(chunk);
    const isStored = sha256.digest('hex') === actual;
    if (isStored) await this.#bucket.delete(key);
    return new FileStoreError(
      'mismatch',
      `${this.#bucket.where} sent content with the hash ${actual} for the object ${hash}. ` +
        (isStored
          ? 'It is stored so, and was removed; make it again.'
          : 'It was damaged on its way; try again.'),
    );
  }

  async place(hash: string, path: string, { executable }: { executable: boolean }): Promise<void> {
    const content = await this.read(hash);
    const temporary = temporaryBeside(path);
    try {
      await pipeline(content, createWriteStream(temporary, { flags: 'wx', mode: 0o600 }));
      await finish(temporary, executable ? EXECUTABLE_MODE : OBJECT_MODE);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw storeError(error, `Placing a file at ${path}`);
    }
  }

  pathOf(hash: string): undefined {
    checkHash(hash);
  }

  async *list(): AsyncGenerator<{ hash: string; size: number; changedMs: number }, void> {
    let last = '';
    for await (const upload of uploadsOf(this.#bucket.list('objects/'))) {
      const { hash, size } = upload;
      if (upload.uploadedMs === undefined || isMarked(upload) || hash === last) continue;
      last = hash;
      yield { hash, size, changedMs: lastAskedMs(upload) };
    }
  }

  async collect(options: Parameters<FileStore['collect']>[0]) {
    return await collectS3(this.#objects, options);
  }

  async close(): Promise<void> {
    this.#bucket.client.destroy();
  }
}

async function idOf(bucket: S3Bucket): Promise<string> {
  let bytes = await bucket.get('id');
  if (!bytes) {
    await makeId(bucket);
    // Of two processes that make the store at once, one was last, also on servers that ignore the condition.
    bytes = await bucket.get('id');
  }
  const id = Buffer.from(bytes ?? []).toString();
  if (/^[0-9a-f]{32}$/.test(id)) return id;
  throw new FileStoreError('unavailable', `${bucket.where} has an "id" that is not that of a file store.`);
}

async function makeId(bucket: S3Bucket): Promise<void> {
  const id = Buffer.from(randomBytes(16).toString('hex'));
  try {
    await bucket.put('id', id, { ifAbsent: true });
  } catch (error) {
    const { cause } = error as FileStoreError;
    // 412: it is there; 409: it is being made at this moment.
    if (cause && [409, 412].includes(statusOf(cause))) return;
    if (!cause || s3CodeOf(cause) !== 'NotImplemented') throw error;
    await bucket.put('id', id);
  }
}
