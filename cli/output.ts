/** Writing to the two streams of this process. */

import { once } from 'node:events';
import type { Writable } from 'node:stream';

let whenBroken: () => void = () => {};

/** Says what happens when the reader of our output goes away (`wiz runs list | head -1`). At first: this process
 *  ends quietly. A command that has something to finish sets its own. */
export function onBrokenPipe(action: () => void): void {
  if (whenBroken === initial) {
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
        whenBroken();
      });
    }
  }
  whenBroken = action;
}
const initial = whenBroken;

/** Writes bytes as they are and waits while the reader is slower than we. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  if (stream.write(data)) return;
  // Ended by hand: what is left listening after each write of a long log adds up.
  const heard = new AbortController();
  const { signal } = heard;
  const drained = [once(stream, 'drain', { signal }), once(stream, 'close', { signal })];
  await Promise.race(drained).catch(() => {});
  heard.abort();
  await Promise.allSettled(drained);
}

/** Resolves when everything written so far has left this process. A pipe takes 64 KiB at once; what it did not take
 *  is queued, and process.exit() would drop it. */
export async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.destroyed || stream.writableLength === 0) continue;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.write('', () => resolve());
    });
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For people, beside the data on stdout. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined));
}
