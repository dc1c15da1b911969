import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { WizError } from '../proto/error.ts';
import type { S3Address } from './s3-address.ts';
import { isMissing, s3Error } from './s3-errors.ts';

/** Every request is tried so often; the client waits longer each time, 100 ms at first and 20 s at most. An endpoint
 *  that drops each third request fails one in 6,561 so. */
const ATTEMPTS = 8;
const CONNECT_TIMEOUT_MS = 5_000;
/** Without a byte in either direction. */
const IDLE_TIMEOUT_MS = 60_000;

export interface ListedKey {
  /** Without the prefix of the store. */
  key: string;
  size: number;
  modifiedMs: number;
}

/** One bucket below one prefix: the few calls that the store needs, with errors as the store has them. */
export class S3Bucket {
  readonly client: S3Client;
  readonly name: string;
  /** For messages. */
  readonly where: string;
  readonly #prefix: string;

  constructor(address: S3Address, environment: NodeJS.ProcessEnv) {
    this.name = address.bucket;
    this.#prefix = address.prefix;
    this.where = `The file store s3://${address.bucket}/${address.prefix}`;
    this.client = new S3Client({
      region: address.region ?? (environment.AWS_REGION || environment.AWS_DEFAULT_REGION || 'us-east-1'),
      endpoint: address.endpoint,
      forcePathStyle: address.pathStyle,
      credentials: credentialsOf(environment),
      maxAttempts: ATTEMPTS,
      retryMode: 'standard',
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
      // Newer checksums, which many servers other than Amazon's do not know. Content is checked by its SHA-256.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  fullKey(key: string): string {
    return this.#prefix + key;
  }

  async put(key: string, body: Uint8Array, options: { ifAbsent?: boolean } = {}): Promise<void> {
    await this.client
      .send(
        new PutObjectCommand({
          ...this.#at(key),
          Body: body,
          ContentLength: body.length,
          IfNoneMatch: options.ifAbsent ? '*' : undefined,
        }),
      )
      .catch((error) => this.fail(error, 'writing'));
  }

  /** A small object whole. */
  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand(this.#at(key)));
      return await Body!.transformToByteArray();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw s3Error(error, this.where, 'reading');
    }
  }

  async delete(key: string): Promise<void> {
    await this.client
      .send(new DeleteObjectCommand(this.#at(key)))
      .catch((error) => (isMissing(error) ? undefined : this.fail(error, 'writing')));
  }

  /** In the order of their bytes. */
  async *list(prefix: string): AsyncGenerator<ListedKey, void> {
    let token: string | undefined;
    do {
      const page = await this.client
        .send(
          new ListObjectsV2Command({
            Bucket: this.name,
            Prefix: this.fullKey(prefix),
            ContinuationToken: token,
          }),
        )
        .catch((error) => this.fail(error, 'reading'));
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        yield {
          key: Key!.slice(this.#prefix.length),
          size: Size ?? 0,
          modifiedMs: LastModified?.getTime() ?? 0,
        };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token);
  }

  fail(error: unknown, doing: 'reading' | 'writing'): never {
    throw s3Error(error, this.where, doing);
  }

  #at(key: string) {
    return { Bucket: this.name, Key: this.fullKey(key) };
  }
}

function credentialsOf(environment: NodeJS.ProcessEnv) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new WizError(
      'unauthenticated',
      'A file store in S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.',
    );
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  };
}
