import { FileStoreError, type FileStoreProblem } from './file-store.ts';

const PROBLEMS: Record<string, FileStoreProblem> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
};

const ADVICE: Partial<Record<FileStoreProblem, string>> = {
  full: 'no space is left. Make room, or remove what is not needed with `wiz prune`.',
  'read-only': 'it cannot be written. Check the owner and mode of the folder, and how it is mounted.',
};

export function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** What the operating system said about a file of the store, or one that is placed. `where` names it. */
export function storeError(error: unknown, where: string): FileStoreError {
  if (error instanceof FileStoreError) return error;
  const problem = PROBLEMS[codeOf(error)] ?? 'unavailable';
  const advice = ADVICE[problem] ?? `it cannot be reached: ${(error as Error).message}.`;
  return new FileStoreError(problem, `${where}: ${advice}`, { cause: error });
}

/** What the operating system said about a file that was to be taken in. */
export function sourceError(error: unknown, path: string): FileStoreError {
  if (error instanceof FileStoreError) return error;
  const options = { cause: error };
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new FileStoreError('absent', `There is no file ${path}.`, options);
    case 'ELOOP':
      return new FileStoreError('unsafe', `${path} is a link; the file itself has to be named.`, options);
    case 'EACCES':
    case 'EPERM':
      return new FileStoreError('unsafe', `${path} may not be read by this user.`, options);
    case 'ERR_INVALID_ARG_VALUE':
      return new FileStoreError('unsafe', `${JSON.stringify(path)} is no path: it has a NUL in it.`, options);
    default:
      return new FileStoreError(
        'unavailable',
        `${path} cannot be read: ${(error as Error).message}.`,
        options,
      );
  }
}
