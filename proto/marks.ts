/**
 * Marks in the texts of an assignment, which the executor replaces: a file by the path it has put it at, a secret by
 * its value. They stand between NULs, which no argument, variable or script can have otherwise.
 */

export interface FileMark {
  kind: 'file';
  /** SHA-256, hexadecimal. */
  hash: string;
  /** Bytes. */
  size: number;
  folder: boolean;
  /** Below the `files` folder of the run's staging folder: PROCESSOR/NAME. */
  place: string;
}

export interface SecretMark {
  kind: 'secret';
  name: string;
}

export type Mark = FileMark | SecretMark;

const MARK = /\0(?:file:([0-9a-f]{64}):(\d+):([fd]):([^\0]+)|secret:([A-Za-z_][A-Za-z0-9_]*))\0/g;

export function fileMark({ hash, size, folder, place }: Omit<FileMark, 'kind'>): string {
  return `\0file:${hash}:${size}:${folder ? 'd' : 'f'}:${place}\0`;
}

export function secretMark(name: string): string {
  return `\0secret:${name}\0`;
}

export function hasMarks(text: string): boolean {
  return text.includes('\0');
}

/** Every mark of a text, in order. */
export function marksOf(text: string): Mark[] {
  if (!hasMarks(text)) return [];
  return Array.from(text.matchAll(MARK), markOf);
}

/** The text with each mark replaced. A NUL that belongs to no mark stays, and is refused where texts with NUL are. */
export function replaceMarks(text: string, replace: (mark: Mark) => string): string {
  if (!hasMarks(text)) return text;
  return text.replace(MARK, (...match) => replace(markOf(match as unknown as RegExpMatchArray)));
}

function markOf([, hash, size, kind, place, secret]: RegExpMatchArray): Mark {
  if (secret !== undefined) return { kind: 'secret', name: secret };
  return { kind: 'file', hash: hash!, size: Number(size), folder: kind === 'd', place: place! };
}
