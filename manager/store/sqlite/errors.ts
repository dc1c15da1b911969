import { WizError } from '../../../proto/error.ts';
import { lastReason } from '../reason.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html): the low byte of `errcode`. */
const BUSY = 5;
const LOCKED = 6;
const NOMEM = 7;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const CONSTRAINT = 19;
/** IOERR | 19 << 8: no room to grow the -shm file (SQLITE_IOERR_SHMSIZE). */
const IOERR_SHMSIZE = 4874;

/** The extended result code of an error of node:sqlite or of Drizzle, which wraps it; 0 for others. */
function resultCode(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('errcode' in at && typeof at.errcode === 'number') return at.errcode;
  }
  return 0;
}

export function isOfSqlite(error: unknown): boolean {
  return resultCode(error) !== 0;
}

/** Another connection holds the lock; the same may work a little later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error) & 0xff;
  return code === BUSY || code === LOCKED;
}

export function isConstraint(error: unknown): boolean {
  return (resultCode(error) & 0xff) === CONSTRAINT;
}

/** What the user is told of a failure of the file at `path`. WizErrors pass as they are. */
export function storeError(error: unknown, path: string): WizError {
  if (error instanceof WizError) return error;
  const code = resultCode(error);
  const options = { cause: error };
  if (code === IOERR_SHMSIZE) return fullError(path, error);
  switch (code & 0xff) {
    case FULL:
      return fullError(path, error);
    case BUSY:
    case LOCKED:
      return new WizError(
        'unavailable',
        `The store ${path} is locked by another process; find what keeps it (fuser ${path}) and try again.`,
        options,
      );
    case READONLY:
      return new WizError(
        'unavailable',
        `The store ${path} cannot be written: the file, its folder or the file system is read-only; ` +
          'make it writable, or set WIZ_HOME to another folder.',
        options,
      );
    case IOERR:
      return new WizError(
        'unavailable',
        `The disk refused to read or write the store ${path} (${lastReason(error)}); nothing of this was ` +
          'stored; look at the disk, its quota and the system log.',
        options,
      );
    case CANTOPEN:
      return new WizError(
        'unavailable',
        `The store ${path} cannot be opened; check that it is a file, that its folder exists and that ` +
          'both are yours.',
        options,
      );
    case CORRUPT:
    case NOTADB:
      return new WizError(
        'unavailable',
        `The store ${path} is damaged or not a database (${lastReason(error)}); move it away to start with ` +
          'an empty one, or put a copy back.',
        options,
      );
    case NOMEM:
      return new WizError('resource_exhausted', `There is no memory left to use the store ${path}.`, options);
    default:
      return new WizError('internal', `The store ${path} failed: ${lastReason(error)}.`, options);
  }
}

function fullError(path: string, cause: unknown): WizError {
  return new WizError(
    'resource_exhausted',
    `There is no space left for the store ${path}; nothing of this was stored; make room and try again.`,
    { cause },
  );
}
