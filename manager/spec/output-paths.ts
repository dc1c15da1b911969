/** Bytes of one part of a path: what file systems take. */
const MAX_PART = 255;
/** Bytes of a whole path, so that a folder can be put before it everywhere. */
const MAX_PATH = 1024;

/** Why a text cannot be the path of an output file, as the end of a sentence; undefined when it can. */
export function outputPathProblem(path: string): string | undefined {
  if (/\p{Cc}/u.test(path) || !path.isWellFormed()) return 'must hold no control characters';
  if (path.includes('${')) return 'must be written out: macros and expressions do not work in it';
  if (path.includes('\\')) return 'must have "/" between its parts, and no "\\"';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'must be a relative path';
  const parts = path.split('/');
  if (parts.includes('..')) return 'must not lead out of its folder with ".."';
  if (normalOutputPath(path) === '') return 'must name a file';
  const bytes = (text: string) => Buffer.byteLength(text);
  if (bytes(path) > MAX_PATH || parts.some((part) => bytes(part) > MAX_PART))
    return `must have at most ${MAX_PART} bytes in each part and ${MAX_PATH} in all`;
  return undefined;
}

/** Without `.`, doubled slashes and the one at the end. */
export function normalOutputPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
