import type { Readable } from 'node:stream';

/**
 * The file store: bytes by their SHA-256. One interface; a folder and an S3 bucket implement it. Managers and executors
 * use it alike, which is why it is a room of its own that both import and that imports neither.
 *
 * An **object** is a blob, or the tree object of a folder (see tree.ts). It is *absent*, then *whole*: it appears under its
 * hash at once or not at all, and never changes. An object that nothing refers to is *marked* by garbage collection, and
 * *gone* when it was marked an hour ago and nobody has asked for it since; to ask for a marked one makes it whole again.
 *
 * Methods throw FileStoreError.
 */
export interface FileStore {
  /** Random identity, made with the store: two processes that see the same one share it. */
  readonly id: string;
  readonly kind: 'folder' | 's3';

  /** Bytes of a whole object; undefined when it is absent, also when it turns out to be damaged. Counts as asking for it. */
  has(hash: string): Promise<number | undefined>;
  /** Takes a stream in. With `expected`, a different hash is an error and nothing is stored. */
  putStream(content: AsyncIterable<Uint8Array>, expected?: string): Promise<StoredObject>;
  putBytes(content: Uint8Array): Promise<StoredObject>;
  /**
   * Takes a regular file in. With `move` it is gone from its place afterwards: a folder store on the same file system
   * renames it. A file that changes meanwhile is `changed` and stays where it is.
   */
  putFile(path: string, options: { move: boolean }): Promise<StoredObject>;
  /** The content from an offset on; the hash is checked when all of it was read. */
  read(hash: string, offset?: number): Promise<Readable>;
  /** A small object whole; `limit` bytes at most, `too-large` otherwise. Default 64 MiB. */
  readBytes(hash: string, limit?: number): Promise<Uint8Array>;
  /**
   * Puts the object's content at `path`, whose folder exists, replacing what is there at once: a clone or a hard link
   * where the file system gives them, a copy otherwise. Never writable through to the store.
   */
  place(hash: string, path: string, options: { executable: boolean }): Promise<void>;
  /** A path at which the content can be read as it is; undefined when it has to be streamed. Read-only. */
  pathOf(hash: string): string | undefined;

  /** All whole objects. */
  list(): AsyncIterable<{ hash: string; size: number; changedMs: number }>;
  /**
   * Marks what is not referred to and has not been asked for since `beforeMs`; deletes what was marked an hour before
   * `nowMs`, `bytes` in all. Whoever asks for an object has to refer to it, or ask again, before `beforeMs` passes it by:
   * so let that lie further back than the longest time between.
   */
  collect(options: {
    /** True of all that was referred to at `nowMs`, the objects inside folders included. */
    isReferred(hash: string): boolean;
    beforeMs: number;
    nowMs: number;
    dryRun: boolean;
  }): Promise<{ marked: number; deleted: number; bytes: number }>;
  close(): Promise<void>;
}

export interface StoredObject {
  hash: string;
  size: number;
  /** It was there already. */
  known: boolean;
}

/** absent: no such object. mismatch: content that is not what its hash says. changed: a file changed while it was
 *  read. unsafe: a path or link that leads out, a name that cannot be one, a device. full, read-only, unavailable: the
 *  store cannot be written or reached. */
export type FileStoreProblem =
  | 'absent'
  | 'mismatch'
  | 'changed'
  | 'unsafe'
  | 'too-large'
  | 'full'
  | 'read-only'
  | 'unavailable';

export class FileStoreError extends Error {
  readonly problem: FileStoreProblem;

  constructor(problem: FileStoreProblem, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'FileStoreError';
    this.problem = problem;
  }
}

/** Where a file store is: `folder:/absolute/path`, or
 *  `s3://BUCKET/PREFIX?endpoint=URL&region=NAME&pathStyle=true` with the credentials of the environment
 *  (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN). */
export type FileStoreAddress = string;
