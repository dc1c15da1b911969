import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coalesced } from './coalesced.ts';

test('many who ask at once are served by the work that runs and one more', async () => {
  let [running, times] = [0, 0];
  const ask = coalesced(
    async () => {
      running += 1;
      assert.equal(running, 1);
      times += 1;
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
    (error) => assert.fail(error),
  );
  await Promise.all(Array.from({ length: 50 }, ask));
  assert.equal(times, 2);
  await ask();
  assert.equal(times, 3);
});

test('what fails is told, and does not keep the next from its turn', async () => {
  const told: string[] = [];
  const ask = coalesced(
    () => Promise.reject(new Error('no')),
    ({ message }) => told.push(message),
  );
  await ask();
  await ask();
  assert.deepEqual(told, ['no', 'no']);
});
