import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { INLINE_LIMIT_BYTES } from '../../proto/data.ts';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createRedaction } from '../secrets/redact.ts';
import { createAttemptLog } from './attempt-log.ts';
import { createStdoutCapture } from './stdout-capture.ts';

/** Small output needs no file. */
const nowhere = '/no/such/folder/stdout';

const attempt = { runId: 'r', processor: 'p', attempt: 1 };

/** A sink that has room when it is told to. */
function narrowSink() {
  const chunks: LogChunk[] = [];
  const rooms: (() => void)[] = [];
  return {
    chunks,
    text: () => chunks.map((chunk) => Buffer.from(chunk.data).toString()).join(''),
    makeRoom: () => rooms.shift()!(),
    log(chunk: LogChunk) {
      chunks.push(chunk);
      return new Promise<void>((resolve) => rooms.push(resolve));
    },
    progress() {},
  };
}

test('while the sink has no room, output is kept in order and not acknowledged', async () => {
  const sink = narrowSink();
  let taken = 0;
  const log = createAttemptLog(attempt, sink, createStdoutCapture(nowhere), (bytes) => {
    taken += bytes;
  });
  for (const piece of ['a', 'bb', 'ccc']) log.push('stdout', Buffer.from(piece));
  assert.equal(sink.text(), 'a');
  assert.equal(taken, 0);
  let drained = false;
  const draining = log.drained()!.then(() => {
    drained = true;
  });
  sink.makeRoom();
  await new Promise(setImmediate);
  assert.equal(sink.text(), 'abb');
  assert.equal(taken, 1);
  assert.equal(drained, false);
  sink.makeRoom();
  await new Promise(setImmediate);
  sink.makeRoom();
  await draining;
  assert.equal(sink.text(), 'abbccc');
  assert.equal(taken, 6);
  assert.equal(log.drained(), undefined);
});

test('lines are numbered for each stream and counted together', () => {
  const chunks: LogChunk[] = [];
  const sink = { log: (chunk: LogChunk) => void chunks.push(chunk), progress() {} };
  const log = createAttemptLog(attempt, sink, createStdoutCapture(nowhere), () => {});
  for (const [stream, text] of [
    ['stdout', 'one\ntw'],
    ['stderr', 'error\n'],
    ['stdout', 'o\n\nfour'],
  ] as const) {
    log.push(stream, Buffer.from(text));
  }
  assert.deepEqual(
    chunks.map(({ line, offset }) => [line, offset]),
    [
      [1, 0],
      [1, 0],
      [2, 6],
    ],
  );
  assert.equal(log.lines(), 5);
});

test('what a redactor holds back is passed on at the end, and all that came in is acknowledged', () => {
  const chunks: LogChunk[] = [];
  const sink = { log: (chunk: LogChunk) => void chunks.push(chunk), progress() {} };
  const capture = createStdoutCapture(nowhere);
  let taken = 0;
  const log = createAttemptLog(attempt, sink, capture, (bytes) => {
    taken += bytes;
  });
  log.redactBy(() => createRedaction(['secret']).redactor());
  for (const piece of ['a sec', 'ret b se', 'c']) log.push('stdout', Buffer.from(piece));
  assert.equal(taken, 14);
  log.end();
  const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString();
  assert.equal(text(chunks.map(({ data }) => data)), 'a *** b sec');
  assert.equal(text(capture.parts), 'a *** b sec');
  assert.equal(log.bytes('stdout'), 11);
});

test('standard output is kept whole: in memory, and over the limit in a file', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-capture-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const sink = { log: () => undefined, progress() {} };
  const capture = createStdoutCapture(path.join(folder, 'stdout'));
  let taken = 0;
  const log = createAttemptLog(attempt, sink, capture, (bytes) => {
    taken += bytes;
  });
  const first = Buffer.alloc(INLINE_LIMIT_BYTES, 'ab');
  log.push('stdout', first);
  assert.equal(capture.file, undefined);
  assert.equal(taken, first.length);
  log.push('stdout', Buffer.from('c'));
  log.push('stderr', Buffer.from('not this'));
  log.push('stdout', Buffer.from('d'));
  assert.equal(taken, first.length, 'the disk has not taken it yet');
  log.end();
  await log.drained();
  capture.close();
  assert.equal(taken, first.length + 10);
  assert.equal(capture.failure, undefined);
  assert.ok(fs.readFileSync(capture.file!).equals(Buffer.concat([first, Buffer.from('cd')])));
});

test('a disk that takes no more does not hold up the program, and is told', async () => {
  const sink = { log: () => undefined, progress() {} };
  const capture = createStdoutCapture('/dev/full');
  const log = createAttemptLog(attempt, sink, capture, () => {});
  for (let n = 0; n < 3; n++) log.push('stdout', Buffer.alloc(INLINE_LIMIT_BYTES));
  log.end();
  await log.drained();
  capture.close();
  assert.match(capture.failure!.message, /ENOSPC/);
  assert.equal(log.bytes('stdout'), 3 * INLINE_LIMIT_BYTES);
});
