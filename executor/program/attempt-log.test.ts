import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createAttemptLog } from './attempt-log.ts';
import { INLINE_LIMIT } from './program-output.ts';

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
  const log = createAttemptLog(attempt, sink, (bytes) => {
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
  const log = createAttemptLog(attempt, sink, () => {});
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

test('the head of standard output is whole or not kept', () => {
  const sink = { log: () => undefined, progress() {} };
  const log = createAttemptLog(attempt, sink, () => {});
  log.push('stdout', Buffer.alloc(INLINE_LIMIT));
  assert.equal(log.stdoutHead().length, 1);
  log.push('stdout', Buffer.alloc(1));
  log.push('stdout', Buffer.alloc(1));
  assert.deepEqual(log.stdoutHead(), []);
});
