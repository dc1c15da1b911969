import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { WizError } from '../../../proto/error.ts';
import { isWhole, linesOf } from '../lines.ts';
import {
  damagedError,
  decodeRow,
  type End,
  FORMAT,
  foreignError,
  MAX_LINE,
  newerError,
  tableOf,
} from './archive.ts';
import type { Table } from './tables.ts';
import { BATCH_BYTES, BATCH_ROWS, type Batch, type Counts, type Source, type Value } from './transfer.ts';

/** A backup, read line by line and checked to its end: who reads it makes nothing of it visible before. */
export function archiveSource(path: string): Source {
  return { place: path, read: () => readArchive(path), async close() {} };
}

type Line = Value[] | { table: string; columns: string[] } | { end: End } | Record<string, unknown>;

async function* readArchive(path: string): AsyncGenerator<Batch> {
  await checkMagic(path);
  const hash = createHash('sha256');
  const lines = parsedLines(path, hash);
  const first = await lines.next();
  const wiz = versionOf(path, first.done ? undefined : first.value.line);
  const counts: Counts = {};
  let batch: Batch | undefined;
  let end: End | undefined;
  for await (const { line, bytes } of lines) {
    if (end !== undefined) throw damagedError(path, 'there is something behind its end');
    if (Array.isArray(line)) {
      if (batch === undefined) throw damagedError(path, 'it has rows of no table');
      add(path, batch, line as Value[], bytes);
      counts[batch.table.name]! += 1;
      if (batch.rows.length < BATCH_ROWS && batch.bytes < BATCH_BYTES) continue;
      yield batch;
      batch = emptyBatch(batch.table);
    } else {
      if (batch !== undefined && batch.rows.length > 0) yield batch;
      if ('end' in line) {
        end = line.end as End;
        continue;
      }
      const { table, columns } = line as { table: string; columns: string[] };
      batch = emptyBatch(tableOf(path, table, columns, wiz));
      counts[batch.table.name] ??= 0;
    }
  }
  if (end === undefined) throw damagedError(path, 'its end is missing');
  if (end.sha256 !== hash.digest('hex')) throw damagedError(path, 'its checksum is another one');
  for (const [name, rows] of Object.entries(end.counts)) {
    if (rows !== (counts[name] ?? 0)) {
      throw damagedError(path, `it has ${counts[name] ?? 0} rows of "${name}", and should have ${rows}`);
    }
  }
}

function emptyBatch(table: Table): Batch {
  return { table, rows: [], bytes: 0 };
}

function add(path: string, batch: Batch, values: Value[], bytes: number): void {
  const { table, rows } = batch;
  if (values.length !== Object.keys(table.columns).length) {
    throw damagedError(path, `a row of "${table.name}" has ${values.length} values`);
  }
  rows.push(decodeRow(table, values));
  batch.bytes += bytes;
}

/** The version of wiz that wrote it. */
function versionOf(path: string, line: Line | undefined): string {
  if (line === undefined || Array.isArray(line) || typeof line['wiz-store' as never] !== 'number') {
    throw foreignError(path);
  }
  const { 'wiz-store': format, wiz } = line as Record<string, unknown>;
  if (Number(format) > FORMAT) throw newerError(path, String(wiz));
  return String(wiz);
}

/** The first bytes of gzip. */
async function checkMagic(path: string): Promise<void> {
  const file = await open(path, 'r').catch((error) => Promise.reject(readError(error, path)));
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    if (bytesRead < 2 || buffer.readUInt16BE(0) !== 0x1f8b) throw foreignError(path);
  } catch (error) {
    throw readError(error, path);
  } finally {
    await file.close();
  }
}

/** The hash is of all but the last line. */
async function* parsedLines(path: string, hash: Hash): AsyncGenerator<{ line: Line; bytes: number }> {
  let before: Buffer | undefined;
  for await (const bytes of rawLines(path)) {
    if (before !== undefined) hash.update(before);
    before = bytes;
    yield { line: parse(path, bytes), bytes: bytes.length };
  }
}

function parse(path: string, bytes: Buffer): Line {
  try {
    const line: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof line === 'object' && line !== null) return line as Line;
  } catch (error) {
    throw damagedError(path, 'a line of it is no JSON', error);
  }
  throw damagedError(path, 'a line of it is none of a backup');
}

/** With their ends. */
async function* rawLines(path: string): AsyncGenerator<Buffer> {
  const unzipped = pipeline(createReadStream(path), createGunzip(), () => {}) as unknown as Readable;
  const limit = { bytes: MAX_LINE, tooLong: () => damagedError(path, 'a line of it is too long') };
  try {
    for await (const line of linesOf(unzipped, limit)) {
      if (!isWhole(line)) throw damagedError(path, 'it ends within a line');
      yield line;
    }
  } catch (error) {
    throw readError(error, path);
  }
}

function readError(error: unknown, path: string): WizError {
  if (error instanceof WizError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE') return damagedError(path, message, error);
  const kind = code === 'ENOENT' ? 'not_found' : code === 'EACCES' ? 'permission_denied' : 'unavailable';
  return new WizError(kind, `The backup ${path} cannot be read (${message}).`, { cause: error });
}
