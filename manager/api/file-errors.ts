import { FileStoreError, type FileStoreProblem } from '../../files/file-store.ts';
import { type ErrorCode, WizError } from '../../proto/error.ts';

const CODES: Record<FileStoreProblem, ErrorCode> = {
  absent: 'not_found',
  mismatch: 'internal',
  changed: 'aborted',
  unsafe: 'invalid_argument',
  'too-large': 'resource_exhausted',
  full: 'resource_exhausted',
  'read-only': 'unavailable',
  unavailable: 'unavailable',
};

/** An error of the file store as the API tells it; others as they are. */
export function toldFileError(error: unknown): unknown {
  if (!(error instanceof FileStoreError)) return error;
  return new WizError(CODES[error.problem], error.message, { cause: error });
}
