import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import { attemptSpanId } from '../../proto/trace-context.ts';
import { spanOf } from './attempt.ts';
import { createEnvironments } from './environment.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const trace = { parent: `00-${TRACE}-00f067aa0ba902b7-01`, state: 'v=1' } as TraceContext;

function namesOf({ base, own }: { base: { bytes: Buffer }; own: string[] }): Record<string, string> {
  const entries = [...base.bytes.toString().split('\0').filter(Boolean), ...own];
  const names = entries.map((entry) => entry.slice(0, entry.indexOf('=')));
  assert.equal(new Set(names).size, names.length, 'each name is there once');
  return Object.fromEntries(entries.map((entry, n) => [names[n], entry.slice(names[n]!.length + 1)]));
}

describe('the trace that a program sees', () => {
  const inherited = { PATH: '/bin', TRACEPARENT: 'of whoever started the executor', TRACESTATE: 'x' };
  const environments = createEnvironments(inherited);

  test('is that of its attempt, whatever the pipeline or the executor have', () => {
    const given = { TRACEPARENT: 'of the pipeline', TRACESTATE: 'y' };
    const own = { TRACEPARENT: 'of the attempt' };
    assert.deepEqual(namesOf(environments.of(given, given, own)), { PATH: '/bin', ...own });
  });

  test('is what the pipeline says where nobody traces the run, and nothing without that', () => {
    const given = { TRACEPARENT: 'of the pipeline' };
    assert.deepEqual(namesOf(environments.of(given, {}, {})), { PATH: '/bin', ...given });
    assert.deepEqual(namesOf(environments.of({}, {}, {})), { PATH: '/bin' });
  });

  test('has the id that the manager gives its span', () => {
    const assignment = { processor: 'p[3]', attempt: 2 } as Parameters<typeof spanOf>[0]['assignment'];
    const request = { runId: 'r', epoch: 1, pipeline: 'x', environment: {}, assignment };
    const spanId = attemptSpanId('r', 'p[3]', 2);
    assert.deepEqual(spanOf({ ...request, trace }), { traceId: TRACE, spanId, sampled: true, state: 'v=1' });
    assert.equal(spanOf(request), undefined);
  });
});
