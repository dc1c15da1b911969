import type { JsonValue } from '@bufbuild/protobuf';

/**
 * Marks in the texts of an assignment, which the executor replaces: a file by the path it has put it at, a secret by
 * its value. They stand between NULs, which no argument, variable or script can have otherwise.
 *
 * A mark inside of quotes says so (`quoting`), and what replaces it is escaped for them: a path or a secret may have
 * quotes of its own. Of several the outermost comes first: JSON within "…" of a shell is `double:json:`.
 */

/** Where a text stands: in '…' or "…" of a shell, in its here documents, in a string of Python or JavaScript, in a
 *  comment of any language, in a string of JSON. */
export type Quoting = 'single' | 'double' | 'here' | 'code' | 'comment' | 'json';

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

const MARK =
  /\0((?:(?:single|double|here|code|comment|json):)*)(?:file:([0-9a-f]{64}):(\d+):([fd]):([^\0]+)|secret:([A-Za-z_][A-Za-z0-9_]*))\0/g;

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
  return text.replace(MARK, (...match) => {
    const value = replace(markOf(match as unknown as RegExpMatchArray));
    const quotings = match[1]!.split(':').slice(0, -1) as Quoting[];
    return quotings.reduceRight((text, quoting) => ESCAPES[quoting](text), value);
  });
}

/** The text, escaped for where it stands, and its marks to be escaped so when they are replaced. */
export function quoteText(text: string, quoting: Quoting): string {
  const escaped = ESCAPES[quoting];
  if (!hasMarks(text)) return escaped(text);
  let result = '';
  let end = 0;
  for (const match of text.matchAll(MARK)) {
    result += escaped(text.slice(end, match.index));
    result += `\0${quoting}:${match[0].slice(1)}`;
    end = match.index + match[0].length;
  }
  return result + escaped(text.slice(end));
}

/** JSON.stringify, but for the marks in its texts: they stay marks. */
export function markedJson(value: JsonValue): string {
  const json = JSON.stringify(value);
  return json.includes('\\u0000') ? withMarks(value) : json;
}

function withMarks(value: JsonValue): string {
  if (typeof value === 'string') return `"${quoteText(value, 'json')}"`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(withMarks).join(',')}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}:${withMarks(item)}`)
    .join(',')}}`;
}

const ESCAPES: Record<Quoting, (text: string) => string> = {
  single: (text) => text.replaceAll("'", "'\\''"),
  double: (text) => text.replace(/[\\"$`]/g, '\\$&'),
  here: (text) => text.replace(/[\\$`]/g, '\\$&'),
  // Right in every kind of string that has escapes: no quote, brace or dollar is left to mean anything.
  code: (text) => text.replace(CODE, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`),
  comment: (text) =>
    text
      .replace(/[\n\r\v\f\x85\u2028\u2029]/g, ' ')
      .replaceAll('*/', '* /')
      .replace(/^\//, ' /')
      .replace(/\*$/, '* '),
  json: (text) => JSON.stringify(text).slice(1, -1),
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped.
const CODE = /[\x00-\x1f\x7f\\'"`${}]/g;

function markOf([, , hash, size, kind, place, secret]: RegExpMatchArray): Mark {
  if (secret !== undefined) return { kind: 'secret', name: secret };
  return { kind: 'file', hash: hash!, size: Number(size), folder: kind === 'd', place: place! };
}
