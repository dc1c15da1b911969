import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loopInHand } from './loop.fixture.ts';
import { newRun, pipeline, standing } from './run.fixture.ts';

/** Executors that drain, and those that come back after their grace. */

const testLoop = () => loopInHand((tick) => void setImmediate(tick), turns);
const everything = () => true;
/** What was deferred, and what it awaits, has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

test('a draining executor is given nothing; what it refuses is tried again elsewhere, however often', async () => {
  const { loop, assigned, ring } = testLoop();
  loop.executorJoined('e1', 4, everything);
  const run = newRun(pipeline([{ name: 'a' }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  for (let attempt = 1; attempt <= 7; attempt += 1) {
    loop.refused('e1', 'run', { processor: 'a', attempt }, 'draining', true);
    await loop.settled();
    assert.deepEqual(standing(run), { a: 'Idle retry-backoff' });
    await ring();
  }
  loop.refused('e1', 'run', { processor: 'a', attempt: 8 }, 'draining', true);
  loop.executorDraining('e1', true);
  loop.executorJoined('e2', 1, everything);
  await loop.settled();
  await ring();
  assert.equal(assigned().at(-1), 'e2 run/a#9');
  loop.stop();
});

test('of what an executor holds, what the run has given up is superseded', async () => {
  const { loop, sent, ring } = testLoop();
  loop.executorJoined('e1', 4, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.executorLost('e1', 'It was away for too long.');
  loop.executorJoined('e2', 4, everything);
  await loop.settled();
  await ring();
  loop.executorJoined('e1', 4, everything);
  const attempts = ['a', 'b'].map((processor) => ({
    $typeName: 'wiz.v1.AttemptRef' as const,
    processor,
    attempt: 1,
  }));
  const second = [{ $typeName: 'wiz.v1.AttemptRef' as const, processor: 'a', attempt: 2 }];
  sent.length = 0;
  loop.executorHolds('e1', [{ $typeName: 'wiz.v1.RunAttempts', runId: 'run', epoch: 1, attempts }]);
  loop.executorHolds('e2', [{ $typeName: 'wiz.v1.RunAttempts', runId: 'run', epoch: 1, attempts: second }]);
  await loop.settled();
  const told = sent.map(({ executorId, outgoing }) => [
    executorId,
    outgoing.superseded.flatMap((it) => it.attempts.map(({ processor }) => processor)),
  ]);
  assert.deepEqual(told, [['e1', ['a', 'b']]]);
  loop.stop();
});
