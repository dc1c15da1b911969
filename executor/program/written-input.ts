import fs from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { AttemptInputs } from '../data/attempt-inputs.ts';
import type { Pieces } from '../data/value-pieces.ts';
import type { AttemptFolder } from './attempt-folder.ts';

/** What a program reads, as files. */
export interface WrittenInput {
  /** Of WIZ_INPUT. */
  bytes: number;
  /** Path of what becomes standard input; empty is /dev/null. */
  stdin: string;
}

/** Writes WIZ_INPUT and standard input, however large they are. */
export async function writeInputs(
  inputs: AttemptInputs,
  folder: AttemptFolder,
  signal: AbortSignal,
): Promise<WrittenInput> {
  const document = inputs.document();
  if (typeof document === 'string') folder.writeInput(document);
  else await writePieces(document, folder.input, signal);
  const bytes = fs.statSync(folder.input).size;
  const stdin = inputs.standardInput();
  if (stdin === undefined) return { bytes, stdin: '' };
  if ('path' in stdin) return { bytes, stdin: stdin.path };
  await writePieces(stdin.pieces, folder.stdin, signal);
  return { bytes, stdin: folder.stdin };
}

/** Pieces are joined to this size before they are written: each write costs more than the joining. Bytes. */
const WRITTEN_AT_ONCE = 64 * 1024;

async function writePieces(pieces: Pieces, path: string, signal: AbortSignal): Promise<void> {
  await pipeline(joined(pieces), fs.createWriteStream(path, { mode: 0o600 }), { signal });
}

async function* joined(pieces: Pieces): AsyncIterable<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    const part =
      typeof piece === 'string'
        ? Buffer.from(piece)
        : Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    parts.push(part);
    bytes += part.length;
    if (bytes < WRITTEN_AT_ONCE) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat(parts);
}
