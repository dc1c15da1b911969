import { FileStoreError } from './file-store.ts';

interface S3Failure {
  name?: string;
  message?: string;
  Code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** The code that S3 gave, `NoSuchKey` for example; a status where it gave none. */
export function s3CodeOf(error: unknown): string {
  const { Code, name } = error as S3Failure;
  return Code ?? name ?? String(statusOf(error));
}

export function statusOf(error: unknown): number {
  return (error as S3Failure).$metadata?.httpStatusCode ?? 0;
}

export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && !['NoSuchBucket', 'NoSuchUpload'].includes(s3CodeOf(error));
}

export function isForbidden(error: unknown): boolean {
  return statusOf(error) === 403 || statusOf(error) === 401;
}

/** What S3 said, or what the network did, after all retries. */
export function s3Error(error: unknown, where: string, doing: 'reading' | 'writing'): FileStoreError {
  if (error instanceof FileStoreError) return error;
  const code = s3CodeOf(error);
  const said = `${where} said ${code}: ${(error as Error).message}`;
  const options = { cause: error };
  if (isMissing(error)) return new FileStoreError('absent', said, options);
  if (code === 'NoSuchBucket') {
    return new FileStoreError(
      'unavailable',
      `${where} has no such bucket. Make it, or correct its name.`,
      options,
    );
  }
  if (statusOf(error) === 507 || /Quota|StorageFull|EntityTooLarge/.test(code)) {
    return new FileStoreError(
      'full',
      `${said}. Make room, or remove what is not needed with \`wiz prune\`.`,
      options,
    );
  }
  if (isForbidden(error)) {
    const problem = doing === 'writing' ? 'read-only' : 'unavailable';
    return new FileStoreError(
      problem,
      `${said}. Check AWS_ACCESS_KEY_ID and what it is allowed to do.`,
      options,
    );
  }
  return new FileStoreError('unavailable', `${said}. It was tried again, and is not reached now.`, options);
}
