/**
 * A large file between the stores of a manager and of an executor, over gRPC on loopback: read from the executor as the
 * files of a report are, and given to it as what an attempt waits for is. Both stores are in memory where that has room:
 * what a disk costs is measured by file-store.ts.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileStore } from '../files/file-store.ts';
import { openFileStore } from '../files/open-file-store.ts';
import { uncheckedContent } from '../files/unchecked-content.ts';
import { openFileCalls } from '../manager/dispatch/file-calls.ts';
import { createFileReader } from '../manager/dispatch/file-reader.ts';
import { DATA_ROUNDS, type DataPart } from './data-part.ts';
import { answer, gb, inFreshProcess, median, note, round, rounded } from './rounds.ts';

const TOKEN = 'bench';
const BLOCK_BYTES = 16 * 1024 * 1024;
const MEMORY = '/dev/shm';

type Round = { readMs: number; givenMs: number; peakMb: number };

export const stream: DataPart = {
  meanings: {
    stream_mb_s: `MB/s, a file of ${gb} GB between stores over loopback gRPC, the slower of the two directions`,
  },
  measure() {
    const rounds: Round[] = [];
    for (let i = 1; i <= DATA_ROUNDS; i++) {
      const one = inFreshProcess<Round>(import.meta.filename, {});
      rounds.push(one);
      note(
        `round ${i}: from the executor ${rate(one.readMs)} MB/s, to it ${rate(one.givenMs)} MB/s, ${one.peakMb} MB`,
      );
    }
    return {
      stream_mb_s: rate(median(rounds.map(({ readMs, givenMs }) => Math.max(readMs, givenMs)))),
      peak_mb: Math.max(...rounds.map(({ peakMb }) => peakMb)),
    };
  },
};

if (import.meta.main && round !== undefined) await oneRound();

async function oneRound(): Promise<void> {
  const folder = mkdtempSync(join(roomyFolder(), 'wiz-stream-'));
  const executor = await startExecutor(folder);
  try {
    const theirs = await openFileStore(`folder:${folder}/theirs`, { environment: {} });
    const ours = await openFileStore(`folder:${folder}/ours`, { environment: {} });
    const calls = openFileCalls({ address: executor.address, token: TOKEN });
    const { signal } = new AbortController();
    const reader = createFileReader({ store: ours, calls, inSession: () => true, failing: () => {} });

    // Memory that a virtual machine has not touched yet takes as long as all the rest.
    for (const store of [ours, theirs]) await putRandom(store);
    empty(folder);
    const left = await putRandom(theirs);
    const readMs = await timed(() => reader.bring({ hash: left, folder: false }, signal));
    empty(folder);
    const wanted = await putRandom(ours);
    const size = (await ours.has(wanted))!;
    const head = { hash: wanted, size, offset: 0 };
    const givenMs = await timed(() => calls.write(head, uncheckedContent(ours, wanted), signal));
    if ((await theirs.has(wanted)) !== size) throw new Error('Not whole.');
    calls.reset();
    // Kilobytes.
    const peakMb = Math.max(executor.peakKb(), process.resourceUsage().maxRSS) / 1e3;
    answer({ readMs, givenMs, peakMb: rounded(peakMb) });
  } finally {
    await executor.end();
    rmSync(folder, { recursive: true });
  }
}

function empty(folder: string): void {
  for (const store of ['ours', 'theirs']) {
    rmSync(join(folder, store, 'objects'), { recursive: true });
    mkdirSync(join(folder, store, 'objects'));
  }
}

async function startExecutor(folder: string) {
  const main = join(import.meta.dirname, '../executor/main.ts');
  // There is no session, without which it would end.
  const args = [
    '--warm',
    '0',
    '--listen',
    '127.0.0.1:0',
    '--home',
    join(folder, 'home'),
    '--files',
    `folder:${folder}/theirs`,
  ];
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, WIZ_EXECUTOR_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { address } = JSON.parse(line.toString()) as { address: string };
  return {
    address,
    peakKb: () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
    async end() {
      child.kill();
      await exited;
    },
  };
}

/** Two copies, and then some. */
function roomyFolder(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > 2.5 * gb * 1e9 ? MEMORY : tmpdir();
}

/** On disk when this returns, so that the flush of one is not in the time of the other. */
async function putRandom(store: FileStore): Promise<string> {
  const block = randomBytes(BLOCK_BYTES);
  async function* content() {
    for (let left = gb * 1e9; left > 0; left -= BLOCK_BYTES)
      yield block.subarray(0, Math.min(left, BLOCK_BYTES));
  }
  return (await store.putStream(content())).hash;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** MB of 10^6 bytes in a second. */
function rate(ms: number): number {
  return rounded((gb * 1e6) / ms);
}
