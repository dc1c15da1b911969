import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { LogChunkSchema, type RunReports } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createLogIntake } from './log-intake.ts';

function intakeFor(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const story: string[] = [];
  const disk = { full: false };
  const intake = createLogIntake({
    logs: {
      append({ processor }) {
        if (disk.full) throw new Error('full');
        story.push(`wrote ${processor}`);
        return 1;
      },
    },
    reported: (executorId) => void story.push(`report of ${executorId}`),
    kept: (executorId, kept) => void story.push(`kept ${executorId}: ${kept.length}`),
    failing: (error) => void story.push(error?.message ?? 'works'),
  });
  const told = () => story.splice(0);
  const chunks = (...names: string[]) => names.map((processor) => create(LogChunkSchema, { processor }));
  const later = () => t.mock.timers.tick(500);
  return { intake, disk, told, chunks, later };
}

const reports: RunReports[] = [];

test('what is kept is acknowledged, and reports pass', (t) => {
  const { intake, told, chunks } = intakeFor(t);
  intake.chunks('e', chunks('a', 'b'));
  intake.reports('e', reports);
  assert.deepEqual(told(), ['wrote a', 'wrote b', 'kept e: 2', 'report of e']);
});

test('while the disk is full everything waits in order, and nothing is acknowledged', (t) => {
  const { intake, disk, told, chunks, later } = intakeFor(t);
  disk.full = true;
  intake.chunks('e', chunks('a'));
  intake.reports('e', reports);
  intake.chunks('f', chunks('b'));
  assert.deepEqual(told(), ['full']);
  later();
  assert.deepEqual(told(), ['full']);
  disk.full = false;
  later();
  assert.deepEqual(told(), ['wrote a', 'report of e', 'wrote b', 'kept e: 1', 'kept f: 1', 'works']);
  intake.reports('e', reports);
  assert.deepEqual(told(), ['report of e']);
});

test('what is held at the end is dropped', (t) => {
  const { intake, disk, told, chunks, later } = intakeFor(t);
  disk.full = true;
  intake.chunks('e', chunks('a'));
  intake.close();
  disk.full = false;
  told();
  later();
  assert.deepEqual(told(), []);
});

test('chunks that are written elsewhere are written together, and reports wait behind them', async () => {
  const story: string[] = [];
  const writes: { processor: string; resolve(offset: number): void; reject(error: Error): void }[] = [];
  const intake = createLogIntake({
    logs: {
      append({ processor }) {
        const { promise, resolve, reject } = Promise.withResolvers<number>();
        writes.push({ processor, resolve, reject });
        return promise;
      },
    },
    reported: (executorId) => void story.push(`report of ${executorId}`),
    kept: (executorId, kept) => void story.push(`kept ${executorId}: ${kept.map(({ offset }) => offset)}`),
    failing: (error) => void story.push(error?.message ?? 'works'),
  });
  const chunks = (...names: string[]) => names.map((processor) => create(LogChunkSchema, { processor }));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const written = () => writes.map(({ processor }) => processor).join(' ');
  intake.chunks('e', chunks('a', 'b'));
  intake.reports('e', reports);
  intake.chunks('f', chunks('c'));
  intake.chunks('f', chunks('d'));
  assert.equal(written(), 'a b');
  for (const { resolve } of writes.splice(0)) resolve(7);
  await turn();
  assert.deepEqual(story.splice(0), ['kept e: 7,7', 'report of e']);
  assert.equal(written(), 'c d');
  // One that cannot be kept keeps what is behind it; what is before it is kept.
  const [first, second] = writes.splice(0);
  first!.resolve(3);
  second!.reject(new Error('full'));
  intake.reports('f', reports);
  await turn();
  assert.deepEqual(story.splice(0), ['kept f: 3', 'full']);
  intake.close();
});
