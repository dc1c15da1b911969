import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type FileStore, FileStoreError } from '../../files/file-store.ts';
import type { CacheEntry, FileStamp, Store } from '../store/store.ts';

export type PreparerStore = Pick<
  Store,
  'findCacheEntries' | 'latestCacheEntries' | 'getFileStamps' | 'putFileStamps'
>;

/** What a preparer needs of a store, in memory; `asked` counts the questions. */
export class MemoryStore implements PreparerStore {
  readonly entries = new Map<string, CacheEntry>();
  readonly stamps = new Map<string, FileStamp>();
  asked = 0;
  failing: Error | undefined;

  private question<T>(answer: () => T): Promise<T> {
    this.asked += 1;
    return this.failing === undefined ? Promise.resolve().then(answer) : Promise.reject(this.failing);
  }

  findCacheEntries(keys: string[]) {
    return this.question(() => pick(keys, (key) => this.entries.get(key)));
  }
  latestCacheEntries(pipeline: string, processors: string[]) {
    return this.question(() => {
      const latest = new Map<string, CacheEntry>();
      for (const entry of this.entries.values())
        if (entry.pipeline === pipeline) latest.set(entry.processor, entry);
      return pick(processors, (name) => latest.get(name));
    });
  }
  getFileStamps(paths: string[]) {
    return this.question(() => pick(paths, (path) => this.stamps.get(path)));
  }
  async putFileStamps(stamps: FileStamp[]) {
    for (const stamp of stamps) this.stamps.set(stamp.path, stamp);
  }
  /** The entry that was put last is the newest. */
  keep(entry: CacheEntry) {
    this.entries.delete(entry.key);
    this.entries.set(entry.key, entry);
  }
}

function pick<T>(keys: string[], get: (key: string) => T | undefined): Map<string, T> {
  const found = new Map<string, T>();
  for (const key of keys) {
    const value = get(key);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** What a preparer needs of a file store, in memory. */
export class MemoryFiles {
  readonly objects = new Map<string, Buffer>();
  reads = 0;

  has = async (hash: string) => this.objects.get(hash)?.length;
  async putBytes(content: Uint8Array) {
    const hash = createHash('sha256').update(content).digest('hex');
    const known = this.objects.has(hash);
    this.objects.set(hash, Buffer.from(content));
    return { hash, size: content.length, known };
  }
  async putStream(content: AsyncIterable<Uint8Array>) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    return this.putBytes(Buffer.concat(chunks));
  }
  async readBytes(hash: string, limit = Number.POSITIVE_INFINITY) {
    this.reads += 1;
    const content = this.objects.get(hash);
    if (content === undefined) throw new FileStoreError('absent', `There is no object ${hash}.`);
    if (content.length > limit) throw new FileStoreError('too-large', `Object ${hash} is too large.`);
    return content;
  }
  read = async (hash: string) => Readable.from([await this.readBytes(hash)]);

  asFileStore(): FileStore {
    return this as unknown as FileStore;
  }
}
