import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { FileStoreError } from './file-store.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { s3Error, statusOf } from './s3-errors.ts';

/** Broken streams in a row that brought not one byte; the client's own retries are inside each. */
const ATTEMPTS = 8;
const FIRST_WAIT_MS = 50;

/** The content of an object from an offset on. A stream that breaks is asked for again from where it broke. */
export async function* readObject(
  bucket: S3Bucket,
  key: string,
  size: number,
  offset: number,
): AsyncGenerator<Uint8Array, void> {
  let position = offset;
  for (let failures = 0; position < size; ) {
    const before = position;
    try {
      const { Body } = await bucket.client.send(
        new GetObjectCommand({ Bucket: bucket.name, Key: bucket.fullKey(key), Range: `bytes=${position}-` }),
      );
      for await (const chunk of Body as Readable) {
        position += chunk.length;
        yield chunk;
      }
      if (position < size) throw new Error(`The stream ended after ${position} of ${size} bytes.`);
    } catch (error) {
      // An answer, and not an accident of the network.
      if (error instanceof FileStoreError || statusOf(error) >= 400)
        throw s3Error(error, bucket.where, 'reading');
      failures = position > before ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw s3Error(error, bucket.where, 'reading');
      await wait(FIRST_WAIT_MS * 2 ** failures);
    }
  }
  if (position > size) {
    throw new FileStoreError('mismatch', `${bucket.where} sent more than the ${size} bytes of ${key}.`);
  }
}
