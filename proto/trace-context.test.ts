import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attemptSpanId,
  parseTraceparent,
  runSpanId,
  spanOfTrace,
  traceContextOf,
  traceparentOf,
} from './trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('what the specification allows is read, and written again', () => {
  const parent = `00-${TRACE}-${SPAN}-01`;
  const span = parseTraceparent(` ${parent} `, 'vendor=1,other=x');
  assert.deepEqual(span, { traceId: TRACE, spanId: SPAN, sampled: true, state: 'vendor=1,other=x' });
  assert.equal(traceparentOf(span!), parent);
  assert.deepEqual(spanOfTrace(traceContextOf(span!)), span);
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-00`)!.sampled, false);
  // A later version may say more.
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes`)!.traceId, TRACE);
});

test('anything else is no trace', () => {
  for (const bad of [
    '',
    undefined,
    'garbage',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\nx: y`,
  ]) {
    assert.equal(parseTraceparent(bad), undefined, String(bad));
  }
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-01`, 'a=\u0007')!.state, '');
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-01`, `a=${'x'.repeat(600)}`)!.state, '');
});

test('spans of runs and attempts have the same id wherever they are named, and each its own', () => {
  const ids = [
    runSpanId('r', 1),
    runSpanId('r', 9),
    attemptSpanId('r', 'p', 1),
    attemptSpanId('r', 'p', 2),
    attemptSpanId('r', 'p[1]', 1),
    attemptSpanId('s', 'p', 1),
  ];
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[\da-f]{16}$/);
  assert.equal(attemptSpanId('r', 'p', 1), ids[2]);
});
