import { randomBytes } from 'node:crypto';
import { FileStoreError } from './file-store.ts';
import { checkHash } from './hash.ts';
import type { ListedKey, S3Bucket } from './s3-bucket.ts';

/** Clocks may differ so much; S3 itself refuses requests beyond it. */
const SKEW_MS = 15 * 60_000;
/** Until a mark is so old by the asker's clock, to ask undoes it. */
const UNDO_MS = 30 * 60_000;
/** The same by the clock of S3, which dates mark and asking: a later asking is void. */
const VOID_MS = UNDO_MS + SKEW_MS;
/** From marking to deletion, by the collector's clock. */
export const MARKED_MS = VOID_MS + SKEW_MS;
/** Asked so recently, it need not be written again. */
export const ASKED_WITHIN_MS = 30 * 60_000;

/** One upload of an object, with its marks; times in milliseconds. */
export interface Upload {
  hash: string;
  key: string;
  size: number;
  /** Undefined: marks of an upload that is gone. */
  uploadedMs: number | undefined;
  askedMs: number | undefined;
  markedMs: number | undefined;
}

const KEY = /^objects\/([0-9a-f]{64})\.([0-9a-f]{16})(\.asked|\.marked)?$/;

export function newKey(hash: string): string {
  return `objects/${hash}.${randomBytes(8).toString('hex')}`;
}

/** Marked, and nobody asked in time. Times of S3 are whole seconds: in doubt the asking was after the mark. */
export function isMarked({ askedMs, markedMs }: Upload): boolean {
  if (markedMs === undefined) return false;
  return askedMs === undefined || askedMs < markedMs || askedMs >= markedMs + VOID_MS;
}

/** A collector may be deleting it. */
function isDying(upload: Upload): boolean {
  return isMarked(upload) && Date.now() - upload.markedMs! >= UNDO_MS;
}

export function lastAskedMs({ uploadedMs, askedMs }: Upload): number {
  return Math.max(uploadedMs ?? 0, askedMs ?? 0);
}

/** The objects of an S3 store; their states and why they are safe are told in s3-store.ts. */
export class S3Objects {
  readonly bucket: S3Bucket;

  constructor(bucket: S3Bucket) {
    this.bucket = bucket;
  }

  /** Finds a whole object and says that it was asked for; one that may be deleted any moment is absent. */
  async find(hash: string): Promise<Upload | undefined> {
    checkHash(hash);
    for await (const upload of uploadsOf(this.bucket.list(`objects/${hash}`))) {
      if (upload.uploadedMs === undefined) continue;
      if (isDying(upload)) continue;
      if (isMarked(upload) || Date.now() - lastAskedMs(upload) > ASKED_WITHIN_MS) await this.ask(upload.key);
      // Once more, when the asking is stored: writing it may have taken long.
      if (!isDying(upload)) return upload;
    }
    return undefined;
  }

  async mustFind(hash: string): Promise<Upload> {
    const found = await this.find(hash);
    if (!found) throw new FileStoreError('absent', `${this.bucket.where} has no object ${hash}.`);
    return found;
  }

  async ask(key: string): Promise<void> {
    try {
      await this.bucket.put(`${key}.asked`, new Uint8Array());
    } catch (error) {
      // Who may only read does not keep objects alive.
      if (!(error instanceof FileStoreError && error.problem === 'read-only')) throw error;
    }
  }
}

/** Puts an upload and its marks together; they follow each other in a listing. */
export async function* uploadsOf(listed: AsyncIterable<ListedKey>): AsyncGenerator<Upload, void> {
  let upload: Upload | undefined;
  for await (const { key, size, modifiedMs } of listed) {
    const match = KEY.exec(key);
    if (!match) continue;
    const base = match[3] ? key.slice(0, -match[3].length) : key;
    if (upload?.key !== base) {
      if (upload) yield upload;
      upload = {
        hash: match[1]!,
        key: base,
        size: 0,
        uploadedMs: undefined,
        askedMs: undefined,
        markedMs: undefined,
      };
    }
    if (match[3] === '.asked') upload.askedMs = modifiedMs;
    else if (match[3] === '.marked') upload.markedMs = modifiedMs;
    else Object.assign(upload, { size, uploadedMs: modifiedMs });
  }
  if (upload) yield upload;
}
