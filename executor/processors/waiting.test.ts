import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from './duration.ts';
import { call } from './processors.fixture.ts';

test('noop does nothing, or hands on its value', async () => {
  assert.equal((await call('noop', {})).output, undefined);
  assert.deepEqual((await call('noop', { output: { a: [1, null] } })).output, { a: [1, null] });
  assert.equal((await call('noop', { outptu: 1 })).report.reason, 'bad-options');
});

test('sleep takes as long as it was told', async () => {
  const { report, outcome } = await call('sleep', { duration: '50ms' });
  assert.equal(outcome, 'succeeded');
  // Timers count from the start of their turn, and end times are whole milliseconds.
  assert.ok(report.endedUnixMs - report.startedUnixMs >= 48);
});

test('sleep tells how far it is', async () => {
  const { progress } = await call('sleep', { duration: '1100ms' });
  assert.ok(progress.length >= 1);
  assert.ok(progress.every((fraction) => fraction > 0 && fraction < 1));
});

test('durations', () => {
  assert.equal(parseDurationMs('500ms'), 500);
  assert.equal(parseDurationMs('1h30m'), 5_400_000);
  assert.equal(parseDurationMs('0.5s'), 500);
  assert.equal(parseDurationMs('2d'), 172_800_000);
});
