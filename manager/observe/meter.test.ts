import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMeter } from './meter.ts';
import { lintMetrics } from './prometheus-lint.fixture.ts';
import { bounded } from './run-metrics.ts';

test('counters, histograms and gauges, in both formats and in any order', async () => {
  const meter = createMeter({ withProcess: false });
  const calls = meter.counter('wiz_calls_total', 'Calls.', ['code']);
  calls.add({ code: 'ok' });
  calls.add({ code: 'ok' }, 2);
  meter.histogram('wiz_wait_seconds', 'Waits.', { buckets: [0.1, 1] }).observe(0.5);
  meter.gauge('wiz_depth', 'Depth.', () => [{ value: 7 }]);

  const plain = await meter.exposition(undefined);
  const open = await meter.exposition('application/openmetrics-text; version=1.0.0, text/plain;q=0.5');
  const again = await meter.exposition('text/plain');
  assert.equal(again.text, plain.text);
  assert.match(plain.type, /^text\/plain; version=0\.0\.4/);
  assert.match(plain.text, /^# TYPE wiz_calls_total counter\nwiz_calls_total\{code="ok"\} 3$/m);
  assert.match(plain.text, /^wiz_wait_seconds_bucket\{le="1"\} 1$/m);
  assert.match(plain.text, /^wiz_depth 7$/m);
  assert.deepEqual(lintMetrics(plain.text), []);

  assert.match(open.type, /^application\/openmetrics-text/);
  assert.match(open.text, /^# TYPE wiz_calls counter\nwiz_calls_total\{code="ok"\} 3$/m);
  assert.ok(open.text.endsWith('\n# EOF\n') && !open.text.includes('\n\n'));
});

test('a gauge that cannot be looked up is left out, and back when it can', async () => {
  const meter = createMeter({ withProcess: false });
  let isBroken = true;
  meter.gauge('wiz_broken', 'Broken.', async () => {
    if (isBroken) throw new Error('no store');
    return [{ value: 1 }];
  });
  meter.gauge('wiz_stuck', 'Stuck.', () => new Promise<never>(() => {}));
  meter.gauge('wiz_parts', 'Parts.', () => [{ value: 1, labels: { of: 'a' } }], ['of']);
  const { text } = await meter.exposition(undefined);
  assert.match(text, /wiz_parts\{of="a"\} 1/);
  assert.doesNotMatch(text, /^wiz_(broken|stuck)/m);
  isBroken = false;
  assert.match((await meter.exposition(undefined)).text, /^wiz_broken 1$/m);
});

test('labels of an open set are bounded', () => {
  const reasons = bounded(2);
  assert.deepEqual(['a', 'b', 'c', 'a', 'd'].map(reasons), ['a', 'b', 'other', 'a', 'other']);
});

test('what Node tells of itself passes the linter too', async () => {
  const meter = createMeter({ withProcess: true });
  const { text } = await meter.exposition(undefined);
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds/m);
  assert.match(text, /^process_resident_memory_bytes/m);
  assert.deepEqual(lintMetrics(text), []);
});
