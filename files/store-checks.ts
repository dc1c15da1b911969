/** What every file store refuses in the same words. */
import { FileStoreError } from './file-store.ts';

/** Of `readBytes`, as the contract says. */
export const DEFAULT_READ_LIMIT_BYTES = 64 * 1024 * 1024;

export function checkExpected(actual: string, expected: string | undefined): void {
  if (expected === undefined || actual === expected) return;
  throw new FileStoreError(
    'mismatch',
    `The content has the hash ${actual}, and ${expected} was expected. Nothing was stored.`,
  );
}

export function checkLimit(hash: string, size: number, limit: number): void {
  if (size <= limit) return;
  throw new FileStoreError(
    'too-large',
    `The object ${hash} has ${size} bytes; ${limit} can be read at once.`,
  );
}

export function checkOffset(hash: string, offset: number, size: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= size) return;
  throw new FileStoreError('mismatch', `The object ${hash} has ${size} bytes; there is no offset ${offset}.`);
}
