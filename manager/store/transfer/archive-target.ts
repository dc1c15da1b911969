import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { WizError } from '../../../proto/error.ts';
import { WIZ_VERSION } from '../../../proto/version.ts';
import { type End, encodeRow, FORMAT, type Header } from './archive.ts';
import { sync } from './sync.ts';
import type { Table } from './tables.ts';
import type { Batch, Counts, Target } from './transfer.ts';

/** A backup in a file, which has its name when it is whole and on the disk. Readable for its owner only: it has hashes of
 *  passwords and the tokens of executors. */
export function archiveTarget(path: string, from: string): Target {
  const partial = `${path}.partial`;
  return {
    place: path,
    async take(fill) {
      let file: FileHandle | undefined;
      try {
        rmSync(partial, { force: true });
        file = await open(partial, 'wx', 0o600);
        await writeLines(file, from, fill);
        await file.sync();
        await file.close();
        file = undefined;
        await rename(partial, path);
        await sync(dirname(path));
      } catch (error) {
        throw fileError(error, path);
      } finally {
        await file?.close().catch(() => {});
        rmSync(partial, { force: true });
      }
    },
    async close() {},
  };
}

/** Fast, and nearly as small: most of it is protobuf and short texts. */
const LEVEL = 3;

async function writeLines(
  file: FileHandle,
  from: string,
  fill: (write: (batch: Batch) => Promise<void>) => Promise<Counts>,
): Promise<void> {
  const gzip = createGzip({ level: LEVEL });
  const compressed = pipeline(gzip, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await file.writeFile(chunk);
  });
  // Told where it is awaited.
  compressed.catch(() => {});
  const hash = createHash('sha256');
  const put = async (lines: string) => {
    hash.update(lines);
    if (!gzip.write(lines)) await Promise.race([onceDrained(gzip), compressed]);
  };
  try {
    const header: Header = { 'wiz-store': FORMAT, wiz: WIZ_VERSION, createdMs: Date.now(), from };
    await put(`${JSON.stringify(header)}\n`);
    let current: Table | undefined;
    const counts = await fill(async ({ table, rows }) => {
      if (table !== current) await put(tableLine(table));
      current = table;
      await put(rows.map((row) => `${encodeRow(table, row)}\n`).join(''));
    });
    const end: End = { counts, sha256: hash.digest('hex') };
    gzip.end(`${JSON.stringify({ end })}\n`);
    await compressed;
  } catch (error) {
    gzip.destroy();
    await compressed.catch(() => {});
    throw error;
  }
}

function tableLine({ name, columns }: Table): string {
  return `${JSON.stringify({ table: name, columns: Object.keys(columns) })}\n`;
}

function onceDrained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => stream.once('drain', resolve));
}

function fileError(error: unknown, path: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof WizError || syscall === undefined) return error;
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const denied = code === 'EACCES' || code === 'EPERM';
  return new WizError(
    full ? 'resource_exhausted' : denied ? 'permission_denied' : 'unavailable',
    `The backup ${path} cannot be written (${message}); ${full ? 'make room' : 'name another file'} and try again.`,
    { cause: error },
  );
}
