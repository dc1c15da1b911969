import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from './backoff.ts';
import { createStandings } from './standing.ts';

test('waits double up to the last one, and are drawn from their upper half', () => {
  const limits = { firstMs: 100, lastMs: 1000 };
  const longest = [1, 2, 3, 4, 5, 50].map((failures) => backoffMs(limits, failures, () => 0));
  assert.deepEqual(longest, [100, 200, 400, 800, 1000, 1000]);
  assert.equal(
    backoffMs(limits, 3, () => 1),
    200,
  );
});

test('an executor is unhealthy since its first failure, and tried again when its wait is over', () => {
  const standings = createStandings();
  assert.equal(standings.get('e'), undefined);
  assert.ok(standings.isDue('e'));
  standings.failed('e', 'it hangs up');
  const first = standings.get('e')!;
  standings.failed('e', 'it refused the token');
  const { state, sinceMs, message } = standings.get('e')!;
  assert.deepEqual([state, sinceMs, message], ['unhealthy', first.sinceMs, 'it refused the token']);
  assert.ok(!standings.isDue('e'));
  standings.joined('e');
  assert.deepEqual([standings.get('e')!.state, standings.get('e')!.message], ['joined', '']);
  assert.ok(standings.isDue('e'));
});

test('those that are not kept are forgotten', () => {
  const standings = createStandings();
  for (const id of ['a', 'b']) standings.joined(id);
  standings.keep(['b', 'c']);
  assert.deepEqual([standings.get('a'), standings.get('b')?.state], [undefined, 'joined']);
});
