import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { FileStoreError } from './file-store.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { s3CodeOf } from './s3-errors.ts';

/** A file up to this size goes in one request, a larger one in parts of it. S3 takes parts from 5 MiB on. */
const PART_BYTES = 8 * 1024 * 1024;
/** S3's limit; so files of more than 80 GB have larger parts. */
const MAX_PARTS = 10_000;
/** Parts on the way at a time; one more is being read. 40 MiB in all. */
const PARTS_AT_ONCE = 4;
const READ_BYTES = 1024 * 1024;

/**
 * Uploads an open file whose hash was taken before. It is hashed again on the way, and becomes an object only when that
 * is the same: a file that changed in between is `changed`. Parts are in memory while they are sent, so a dropped
 * connection costs only the part.
 */
export async function uploadFile(
  bucket: S3Bucket,
  key: string,
  { handle, size, hash, name }: { handle: FileHandle; size: number; hash: string; name: string },
): Promise<void> {
  const sha256 = createHash('sha256');
  const checkHash = (): void => {
    if (sha256.digest('hex') === hash) return;
    throw new FileStoreError('changed', `${name} changed while it was read; nothing was stored.`);
  };
  const readPart: ReadPart = async (buffer, position) => {
    const length = Math.min(buffer.length, size - position);
    const part = buffer.subarray(0, length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await handle.read(
        part,
        filled,
        Math.min(READ_BYTES, length - filled),
        position + filled,
      );
      if (bytesRead === 0) break;
      sha256.update(part.subarray(filled, filled + bytesRead));
      filled += bytesRead;
    }
    return part;
  };
  if (size <= PART_BYTES) {
    const content = await readPart(Buffer.allocUnsafeSlow(size), 0);
    checkHash();
    return await bucket.put(key, content);
  }
  await uploadParts(bucket, key, size, readPart, checkHash);
}

/** Fills the buffer from a position of the file on, as far as there is content. */
type ReadPart = (buffer: Buffer, position: number) => Promise<Uint8Array>;

async function uploadParts(
  bucket: S3Bucket,
  key: string,
  size: number,
  readPart: ReadPart,
  checkHash: () => void,
): Promise<void> {
  const { client } = bucket;
  const at = { Bucket: bucket.name, Key: bucket.fullKey(key) };
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
  const { UploadId } = await client
    .send(new CreateMultipartUploadCommand(at))
    .catch((error) => bucket.fail(error, 'writing'));
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  const sending = new Set<Promise<void>>();
  // Parts share a few buffers: new ones cost a third of the time in garbage collection.
  const free: Buffer[] = [];
  try {
    for (let position = 0; position < size; position += partBytes) {
      const buffer = free.pop() ?? Buffer.allocUnsafeSlow(partBytes);
      const body = await readPart(buffer, position);
      while (sending.size >= PARTS_AT_ONCE) await Promise.race(sending);
      const number = position / partBytes + 1;
      const sent = client
        .send(
          new UploadPartCommand({
            ...at,
            UploadId,
            PartNumber: number,
            Body: body,
            ContentLength: body.length,
          }),
        )
        .then(({ ETag }) => {
          parts[number - 1] = { PartNumber: number, ETag };
          sending.delete(sent);
          free.push(buffer);
        });
      sent.catch(() => undefined);
      sending.add(sent);
    }
    await Promise.all(sending);
    checkHash();
    await client
      .send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: parts } }))
      .catch(async (error) => {
        // The first answer was lost, and the upload was complete when it was tried again.
        if (s3CodeOf(error) !== 'NoSuchUpload') throw error;
        const { ContentLength } = await client.send(new HeadObjectCommand(at));
        if (ContentLength !== size) throw error;
      });
  } catch (error) {
    await Promise.allSettled(sending);
    // What cannot be aborted now is aborted by `collect`, a day later.
    await client.send(new AbortMultipartUploadCommand({ ...at, UploadId })).catch(() => undefined);
    bucket.fail(error, 'writing');
  }
}
