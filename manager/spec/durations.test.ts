import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, MAX_DURATION_MS, parseDuration } from './durations.ts';

// The same in every run, so that a change is judged by itself; FC_SEED tries others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

test('durations are read from the units they name', () => {
  const cases: [string, number][] = [
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['2h', 7_200_000],
    ['1.5h', 5_400_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['1m5ms', 60_005],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('other texts are no durations', () => {
  for (const text of ['', '10', 's', '-1s', '1 s', '30s1m', '1s1s', '1S', '1.s', '1w', 'none']) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test('a written duration reads back to the same milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(MAX_DURATION_MS), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)),
  );
  assert.equal(formatDuration(90_000), '1m30s');
  assert.equal(formatDuration(0), '0s');
});
