import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { type LogChunk, LogChunkSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createSpools, type LogSpool, type SpoolRoom } from './log-spool.ts';

function spools(t: TestContext, room: Partial<SpoolRoom> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'wiz-spool-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const limits = { windowBytes: 4000, memoryBytes: 100_000, diskBytes: 100_000, ...room };
  const bytesOnDisk = () => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
  return { ...createSpools({ dir, ...limits }), bytesOnDisk };
}

const SIZE = 1000;

function chunk(index: number, stream = LogStream.STDOUT): LogChunk {
  return create(LogChunkSchema, {
    stream,
    offset: index * SIZE,
    line: index + 1,
    data: Buffer.alloc(SIZE, index),
  });
}

function sendAll(spool: LogSpool): number[] {
  const lines: number[] = [];
  for (let next = spool.next(); next !== undefined; next = spool.next()) lines.push(next.line);
  return lines;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test('sends each chunk once, and again from the acknowledged byte on after a break', (t) => {
  const spool = spools(t).create(() => true);
  for (let i = 0; i < 3; i++) spool.push(chunk(i));
  assert.deepEqual(sendAll(spool), [1, 2, 3]);
  assert.ok(spool.drained());
  spool.ack(LogStream.STDOUT, 2 * SIZE);
  assert.deepEqual(sendAll(spool), []);
  spool.rewind();
  assert.ok(!spool.drained());
  assert.deepEqual(sendAll(spool), [3]);
});

test('streams are acknowledged on their own', (t) => {
  const spool = spools(t).create(() => true);
  spool.push(chunk(0));
  spool.push(chunk(0, LogStream.STDERR));
  spool.push(chunk(1));
  sendAll(spool);
  spool.ack(LogStream.STDOUT, 2 * SIZE);
  spool.rewind();
  assert.deepEqual(sendAll(spool), [1, 2], 'what is behind an unacknowledged chunk waits with it');
  spool.ack(LogStream.STDERR, SIZE);
  spool.rewind();
  assert.deepEqual(sendAll(spool), []);
});

test('makes the program wait while a manager listens, until there is room', async (t) => {
  const spool = spools(t).create(() => true);
  let room: Promise<void> | undefined;
  let taken = 0;
  while (room === undefined) room = spool.push(chunk(taken++));
  assert.equal(taken, 4, '4 chunks of 1,000 bytes and what they take beside fill 4,000 bytes');
  sendAll(spool);
  spool.ack(LogStream.STDOUT, SIZE);
  await room;
});

test('goes through the file in order when nobody listens', (t) => {
  let listening = false;
  const factory = spools(t);
  const spool = factory.create(() => listening);
  for (let i = 0; i < 50; i++) assert.equal(spool.push(chunk(i)), undefined);
  assert.ok(factory.bytesOnDisk() > 40 * SIZE);
  listening = true;
  spool.rewind();
  const sent: number[] = [];
  while (!spool.drained()) {
    const lines = sendAll(spool);
    assert.ok(lines.length > 0 && lines.length <= 4, 'a window at a time');
    sent.push(...lines);
    spool.ack(LogStream.STDOUT, sent.length * SIZE);
  }
  assert.deepEqual(sent, range(1, 50));
  assert.equal(factory.bytesOnDisk(), 0);
});

test('what comes while the file is read back keeps its place', (t) => {
  let listening = false;
  const spool = spools(t).create(() => listening);
  for (let i = 0; i < 10; i++) spool.push(chunk(i));
  listening = true;
  spool.rewind();
  const sent = sendAll(spool);
  for (let i = 10; i < 13; i++) assert.ok(spool.push(chunk(i)) instanceof Promise);
  while (!spool.drained()) {
    spool.ack(LogStream.STDOUT, sent.length * SIZE);
    sent.push(...sendAll(spool));
  }
  assert.deepEqual(sent, range(1, 13));
});

test('the disk has a limit for all attempts together; then they wait, and nothing is lost', async (t) => {
  let listening = false;
  const factory = spools(t, { diskBytes: 20_000 });
  const both = [factory.create(() => listening), factory.create(() => listening)];
  const counts = both.map((spool) => {
    for (let i = 0; ; i++) if (spool.push(chunk(i)) !== undefined) return i + 1;
  });
  assert.ok(factory.bytesOnDisk() <= 20_000);
  listening = true;
  for (const [s, spool] of both.entries()) {
    spool.rewind();
    const sent: number[] = [];
    while (!spool.drained()) {
      sent.push(...sendAll(spool));
      spool.ack(LogStream.STDOUT, sent.length * SIZE);
    }
    assert.deepEqual(sent, range(1, counts[s]!));
  }
});

test('memory has a limit for all attempts together, also while a manager listens', (t) => {
  const factory = spools(t, { memoryBytes: 10_000 });
  const many = Array.from({ length: 50 }, () => factory.create(() => true));
  for (const spool of many) for (let i = 0; i < 2; i++) spool.push(chunk(i));
  assert.ok(factory.bytesOnDisk() > 80 * SIZE);
  for (const spool of many) {
    const sent: number[] = [];
    while (!spool.drained()) {
      sent.push(...sendAll(spool));
      spool.ack(LogStream.STDOUT, sent.length * SIZE);
    }
    assert.deepEqual(sent, [1, 2]);
  }
  for (const spool of many) spool.dispose();
  assert.equal(factory.bytesOnDisk(), 0);
});

test('abandoned, it keeps nothing and nobody waits', async (t) => {
  const factory = spools(t, { diskBytes: 0 });
  const spool = factory.create(() => false);
  let room: Promise<void> | undefined;
  for (let i = 0; room === undefined; i++) room = spool.push(chunk(i));
  factory.abandon();
  await room;
  for (let i = 0; i < 10; i++) assert.equal(spool.push(chunk(i)), undefined);
  assert.equal(factory.create(() => false).push(chunk(0)), undefined);
});
