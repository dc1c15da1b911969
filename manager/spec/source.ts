import { isUtf8 } from 'node:buffer';
import type { Diagnostic } from '../../proto/error.ts';

/** Larger files are refused unread: 4 MiB hold more than 20,000 processors, and fit one message of the API. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export interface SourceFile {
  /** As the user named it; used in errors. */
  path: string;
  content: Uint8Array;
  /** Absolute folder that relative paths of the file refer to; empty when it is not on this machine: then there can be none,
   *  and programs run in staging folders. */
  baseDir: string;
}

/** Makes a diagnostic of one file from an offset in its text. */
export type Report = (offset: number, message: string, hint: string) => Diagnostic;

/** The text of a file, without a byte order mark, or what is wrong with its bytes. */
export function readText(
  file: Pick<SourceFile, 'path' | 'content'>,
  kind = 'a pipeline file',
): { text: string } | { problem: Diagnostic } {
  const { content } = file;
  const problem = (line: number, column: number, message: string, hint: string) => ({
    problem: { file: file.path, line, column, message, hint },
  });
  if (content.byteLength > MAX_FILE_BYTES) {
    const megabytes = (content.byteLength / (1024 * 1024)).toFixed(1);
    return problem(1, 1, `the file has ${megabytes} MiB; ${kind} has at most 4 MiB`, 'Is it the right file?');
  }
  if ((content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff)) {
    return problem(1, 1, `the file is UTF-16; ${kind} is UTF-8`, 'Save it as UTF-8.');
  }
  const nul = content.indexOf(0);
  if (nul >= 0) {
    const { line, column } = placeOfByte(content, nul);
    return problem(line, column, 'there is a NUL byte; this is not a text file', 'Is it the right file?');
  }
  if (!isUtf8(content)) {
    const { line, column } = placeOfByte(content, firstInvalidByte(content));
    return problem(line, column, 'the text is not valid UTF-8', 'Save the file as UTF-8.');
  }
  return { text: new TextDecoder().decode(content) };
}

function placeOfByte(content: Uint8Array, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let next = content.indexOf(10); next >= 0 && next < offset; next = content.indexOf(10, next + 1)) {
    line += 1;
    lineStart = next + 1;
  }
  const before = new TextDecoder().decode(content.subarray(lineStart, offset));
  return { line, column: before.length + 1 };
}

/** Halves the distance between a valid and an invalid prefix; a prefix that ends inside a character is valid
 *  up to that character. */
function firstInvalidByte(content: Uint8Array): number {
  let valid = 0;
  let invalid = content.byteLength;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (isUtf8(content.subarray(0, startOfCharacter(content, middle)))) valid = middle;
    else invalid = middle;
  }
  return startOfCharacter(content, valid);
}

/** Steps back over at most three continuation bytes (10xxxxxx). */
function startOfCharacter(content: Uint8Array, offset: number): number {
  let start = offset;
  while (start > 0 && offset - start < 3 && (content[start]! & 0xc0) === 0x80) start -= 1;
  return start;
}
