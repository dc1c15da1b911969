import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { FileStore } from './file-store.ts';
import { isMissing, s3CodeOf } from './s3-errors.ts';
import {
  ASKED_WITHIN_MS,
  isMarked,
  lastAskedMs,
  MARKED_MS,
  type S3Objects,
  type Upload,
  uploadsOf,
} from './s3-objects.ts';

/** An upload in parts that was begun a day ago was left by a process that was killed. */
const LEFTOVER_MS = 24 * 3_600_000;
/** Requests on their way at a time. */
const AT_ONCE = 16;

type CollectOptions = Parameters<FileStore['collect']>[0];

/** Garbage collection of an S3 store; why it is safe is told in s3-store.ts. */
export async function collectS3(objects: S3Objects, options: CollectOptions) {
  const { bucket } = objects;
  const result = { marked: 0, deleted: 0, bytes: 0 };
  const changes = new Set<Promise<void>>();
  // The hash whose first good upload has passed: further ones are not needed, even when it is referred to.
  let kept = '';
  for await (const upload of uploadsOf(bucket.list('objects/'))) {
    const decision = decide(upload, options, kept === upload.hash);
    if (decision === 'keep') kept = upload.hash;
    if (decision === 'mark' && !isMarked(upload)) result.marked++;
    if (decision === 'delete' && upload.uploadedMs !== undefined) {
      result.deleted++;
      result.bytes += upload.size;
    }
    if (options.dryRun) continue;
    while (changes.size >= AT_ONCE) await Promise.race(changes);
    const change = carryOut(objects, upload, decision).then(() => {
      changes.delete(change);
    });
    change.catch(() => undefined);
    changes.add(change);
  }
  await Promise.all(changes);
  if (!options.dryRun) await abortLeftovers(objects, options.nowMs - LEFTOVER_MS);
  return result;
}

function decide(upload: Upload, options: CollectOptions, known: boolean): 'keep' | 'mark' | 'delete' {
  if (upload.uploadedMs === undefined) return 'delete';
  const needed = options.isReferred(upload.hash) && !known;
  if (isMarked(upload)) {
    if (needed) return 'keep';
    return options.nowMs - upload.markedMs! > MARKED_MS ? 'delete' : 'mark';
  }
  return needed || lastAskedMs(upload) + ASKED_WITHIN_MS >= options.beforeMs ? 'keep' : 'mark';
}

async function carryOut({ bucket }: S3Objects, upload: Upload, decision: 'keep' | 'mark' | 'delete') {
  const { key, askedMs, markedMs } = upload;
  if (decision === 'delete') {
    await bucket.delete(key);
    if (askedMs !== undefined) await bucket.delete(`${key}.asked`);
    if (markedMs !== undefined) await bucket.delete(`${key}.marked`);
  } else if (decision === 'mark' && !isMarked(upload)) {
    await bucket.put(`${key}.marked`, new Uint8Array());
  } else if (decision === 'keep' && markedMs !== undefined) {
    await bucket.delete(`${key}.marked`);
  }
}

async function abortLeftovers({ bucket }: S3Objects, beforeMs: number): Promise<void> {
  const { client, name } = bucket;
  try {
    const { Uploads = [] } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: name, Prefix: bucket.fullKey('objects/') }),
    );
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (!Initiated || Initiated.getTime() >= beforeMs) continue;
      await client
        .send(new AbortMultipartUploadCommand({ Bucket: name, Key, UploadId }))
        .catch((error) =>
          isMissing(error) || s3CodeOf(error) === 'NoSuchUpload' ? undefined : Promise.reject(error),
        );
    }
  } catch (error) {
    // Some servers do not list them; they remove them by a rule of their own.
    if (s3CodeOf(error) !== 'NotImplemented') bucket.fail(error, 'writing');
  }
}
