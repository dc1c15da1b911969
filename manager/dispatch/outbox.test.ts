import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionRequest } from '../../proto/gen/wiz/v1/executors_pb.js';
import { createOutbox, type Outbox } from './outbox.ts';

const assignment = (number: number, inputJson = '') => ({ processor: `p${number}`, attempt: 1, inputJson });
const run = (runId: string, count: number, inputJson = '') => ({
  runId,
  epoch: 2,
  pipeline: 'many',
  environment: { ROOT: '/data' },
  assignments: Array.from({ length: count }, (_, number) => assignment(number, inputJson)),
});

function takeAll(outbox: Outbox): SessionRequest[] {
  const messages: SessionRequest[] = [];
  for (let message = outbox.take(); message; message = outbox.take()) messages.push(message);
  return messages;
}

test('what is small and of several runs goes in one message', () => {
  const outbox = createOutbox();
  outbox.add({ assignments: [run('a', 3)] });
  outbox.add({ assignments: [run('b', 2)], acks: [{ runId: 'a', epoch: 2, attempts: [assignment(9)] }] });
  outbox.add({ logAcks: [{ runId: 'a', processor: 'p9', attempt: 1, offset: 5 }] });

  const [message, ...more] = takeAll(outbox);
  assert.deepEqual(more, []);
  assert.deepEqual(
    message!.assignments.map((part) => [part.runId, part.epoch, part.assignments.length]),
    [
      ['a', 2, 3],
      ['b', 2, 2],
    ],
  );
  assert.equal(message!.acks[0]!.attempts[0]!.processor, 'p9');
  assert.equal(message!.logAcks[0]!.offset, 5);
  assert.ok(outbox.empty);
});

test('a fan-out is cut every 2,000 assignments, in order, each part whole in itself', () => {
  const outbox = createOutbox();
  outbox.add({ assignments: [run('a', 4500)] });

  const messages = takeAll(outbox);
  assert.deepEqual(
    messages.map((message) => message.assignments[0]!.assignments.length),
    [2000, 2000, 500],
  );
  const parts = messages.flatMap((message) => message.assignments);
  for (const part of parts) {
    assert.deepEqual([part.runId, part.epoch, part.pipeline], ['a', 2, 'many']);
    assert.deepEqual(part.environment, { ROOT: '/data' });
  }
  assert.deepEqual(
    parts.flatMap((part) => part.assignments.map(({ processor }) => processor)),
    Array.from({ length: 4500 }, (_, number) => `p${number}`),
  );
});

test('large inputs cut a message at about 4 MiB', () => {
  const outbox = createOutbox();
  outbox.add({ assignments: [run('a', 10, 'x'.repeat(1024 * 1024))] });
  const counts = takeAll(outbox).map((message) => message.assignments[0]!.assignments.length);
  assert.deepEqual(counts, [3, 3, 3, 1]);
});

test('a cancel is never sent before the assignment it cancels', () => {
  const outbox = createOutbox();
  outbox.add({ assignments: [run('a', 4500)] });
  outbox.add({ cancels: [{ runId: 'a', epoch: 2, attempts: [assignment(4499)] }] });

  const messages = takeAll(outbox);
  assert.deepEqual(
    messages.map((message) => message.cancels.length),
    [0, 0, 1],
  );
  assert.equal(messages[2]!.assignments[0]!.assignments.at(-1)!.processor, 'p4499');
});

test('one assignment of more than 4 MiB goes alone; one that fits no message is handed back', () => {
  const outbox = createOutbox();
  const large = assignment(1, 'x'.repeat(5 * 1024 * 1024));
  // 66 MiB in UTF-8, 22 Mi characters: the estimate alone would let it pass.
  const oversized = assignment(2, '€'.repeat(22 * 1024 * 1024));
  const refused = outbox.add({
    assignments: [{ ...run('a', 1), assignments: [assignment(0), large, oversized, assignment(3)] }],
  });

  assert.deepEqual(
    refused.map(({ runId, epoch, processor, attempt }) => [runId, epoch, processor, attempt]),
    [['a', 2, 'p2', 1]],
  );
  assert.deepEqual(
    takeAll(outbox).map((message) => message.assignments[0]!.assignments.map(({ processor }) => processor)),
    [['p0'], ['p1'], ['p3']],
  );
});

test('an empty batch makes no message', () => {
  const outbox = createOutbox();
  outbox.add({ assignments: [{ runId: 'a', epoch: 1, assignments: [] }], logAcks: [] });
  assert.equal(outbox.take(), undefined);
});
