/**
 * A large file from one staging folder through a folder store to another, beside `cp` on the same disk.
 *
 * A round: `cp` makes the file that an executor's program leaves, and is timed doing so. Then the file is moved into the
 * store (hashed, flushed to the disk, renamed) and placed in another staging folder. The store also pays for what cp
 * leaves behind: it flushes to the disk what cp has written to memory.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileStore } from '../files/open-file-store.ts';
import { DATA_ROUNDS, type DataPart } from './data-part.ts';
import { answer, gb, inFreshProcess, median, note, round, rounded } from './rounds.ts';

const BLOCK_BYTES = 16 * 1024 * 1024;

interface Task {
  folder: string;
}

type Round = { ms: number; peakMb: number };

export const fileStore: DataPart = {
  meanings: {
    file_store_mb_s: `MB/s, a file of ${gb} GB from staging into the store and placed in staging again`,
    cp_mb_s: 'MB/s, cp of the same file',
  },
  measure,
};

if (import.meta.main && round !== undefined) await oneRound(round as Task);

async function oneRound({ folder }: Task): Promise<void> {
  const started = performance.now();
  const store = await openFileStore(`folder:${join(folder, 'store')}`, { environment: {} });
  const { hash } = await store.putFile(join(folder, 'one/file'), { move: true });
  await store.place(hash, join(folder, 'two/file'), { executable: false });
  const ms = performance.now() - started;
  // Kilobytes.
  answer({ ms, peakMb: process.resourceUsage().maxRSS / 1e3 });
  await store.close();
}

function measure() {
  // TMPDIR chooses another disk, where this is memory.
  const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
  try {
    const source = join(folder, 'source');
    note(`writing a file of ${gb} GB`);
    writeSource(source);
    const rounds: (Round & { cpMs: number })[] = [];
    for (let i = 1; i <= DATA_ROUNDS; i++) {
      for (const name of ['one', 'two']) mkdirSync(join(folder, name));
      timed('sync', []);
      const cpMs = timed('cp', [source, join(folder, 'one/file')]);
      const result = inFreshProcess<Round>(join(import.meta.dirname, 'file-store.ts'), { folder });
      if (statSync(join(folder, 'two/file')).size !== statSync(source).size)
        throw new Error('Placed wrongly.');
      for (const name of ['one', 'two', 'store']) rmSync(join(folder, name), { recursive: true });
      rounds.push({ ...result, cpMs });
      note(`round ${i}: store ${rate(result.ms)} MB/s, cp ${rate(cpMs)} MB/s, ${rounded(result.peakMb)} MB`);
    }
    const of = (field: keyof (typeof rounds)[number]) => median(rounds.map((one) => one[field]));
    return {
      file_store_mb_s: rate(of('ms')),
      cp_mb_s: rate(of('cpMs')),
      peak_mb: rounded(Math.max(...rounds.map(({ peakMb }) => peakMb))),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** MB of 10^6 bytes in a second. */
function rate(ms: number): number {
  return rounded((gb * 1e6) / ms);
}

function writeSource(path: string): void {
  const file = openSync(path, 'wx');
  const block = randomBytes(BLOCK_BYTES);
  for (let left = gb * 1e9; left > 0; left -= BLOCK_BYTES) {
    writeSync(file, block, 0, Math.min(left, BLOCK_BYTES));
  }
  closeSync(file);
}

function timed(program: string, args: string[]): number {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw error ?? new Error(`${program} ended with ${status}.`);
  return performance.now() - started;
}
