import { randomBytes } from 'node:crypto';
import { FileStoreError } from './file-store.ts';
import { checkHash } from './hash.ts';
import type { ListedKey, S3Bucket } from './s3-bucket.ts';

/** From marking to deletion. */
export const MARKED_MS = 60 * 60_000;
/** A mark so old is not trusted to be undone in time; the 20 minutes between are for clocks that differ. */
const DYING_MS = 40 * 60_000;
/** Asked so recently, an object cannot be past DYING_MS, so nothing needs to be written. */
const ASKED_WITHIN_MS = 30 * 60_000;

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

/** Marked, and nobody has asked since. Times of S3 are whole seconds: in doubt it was asked for after. */
export function isMarked({ askedMs, markedMs }: Upload): boolean {
  return markedMs !== undefined && (askedMs === undefined || askedMs < markedMs);
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
      if (isMarked(upload) || Date.now() - lastAskedMs(upload) > ASKED_WITHIN_MS) await this.ask(upload.key);
      // Looked at after the asking is stored, so that the collector sees that or this sees the mark's age.
      if (!isMarked(upload) || Date.now() - upload.markedMs! < DYING_MS) return upload;
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
