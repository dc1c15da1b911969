import { WizError } from '../../../proto/error.ts';

/** What the user is told of a failure of the log at `path`. WizErrors pass as they are. */
export function logError(error: unknown, path: string): WizError {
  if (error instanceof WizError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // EFBIG is the limit of file size that the shell may have set (ulimit -f).
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return fullError(path, error);
  return new WizError(
    code === 'EACCES' || code === 'EPERM' ? 'permission_denied' : 'unavailable',
    `The log ${path} cannot be read or written (${message}); check the folder and its disk.`,
    { cause: error },
  );
}

export function fullError(path: string, cause: unknown): WizError {
  return new WizError(
    'resource_exhausted',
    `There is no room left for the log ${path}; what came before is kept; make room on its disk and try again.`,
    { cause },
  );
}
