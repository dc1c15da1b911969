import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndedSpan, Spans } from '../../proto/spans.ts';
import { attemptSpanId, runSpanId, traceContextOf } from '../../proto/trace-context.ts';
import { evolve } from '../engine/evolve.ts';
import { createdEvent, pipeline, report } from '../engine/run.fixture.ts';
import { findTask, newRunMachine, type RunMachine } from '../engine/run.ts';
import { attemptReported, resumeRun, settleRun, startAttempt } from '../engine/transitions.ts';
import { createRunSpans } from './run-spans.ts';

const caller = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, state: 'v=1' };
const half = () => 0.5;

function recorder() {
  const made: EndedSpan[] = [];
  const spans: Spans = {
    start: () => assert.fail('nothing is begun that may end elsewhere'),
    add: (span) => void made.push(span),
    close: async () => {},
  };
  return { made, observer: createRunSpans(spans) };
}

function tracedEvent(trace = traceContextOf(caller)) {
  const event = createdEvent(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  if (event.event.case === 'runCreated') event.event.value.trace = trace;
  return event;
}

function take(run: RunMachine) {
  const events = run.uncommitted;
  run.uncommitted = [];
  return events;
}

test('a run that changes its manager has one span for each attempt and one of its own, in one trace', () => {
  const created = tracedEvent();
  const first = newRunMachine(created, 'm1', 1);
  startAttempt(first, findTask(first, 'a')!, 'e', 1200);
  attemptReported(first, report('a', 1, { startedUnixMs: 1250, endedUnixMs: 1900 }), 'e', 1, 2000, half);
  startAttempt(first, findTask(first, 'b')!, 'e', 2010);
  const before = take(first);
  const { made, observer } = recorder();
  observer.committed(first, before);
  assert.deepEqual(
    made.map(({ name }) => name),
    ['a'],
  );

  // Another manager reads the journal and goes on.
  const second = newRunMachine(created, 'm2', 1);
  for (const event of before) evolve(second, event);
  const other = recorder();
  const failed = {
    outcome: 2,
    reason: 'exit-code',
    message: 'exited with code 3',
    exitCode: 3,
    endedUnixMs: 4000,
  };
  attemptReported(second, report('b', 1, failed), 'e', 1, 4001, half);
  settleRun(second, 4002);
  other.observer.committed(second, take(second));

  const runSpan = runSpanId('run', 1);
  const [a] = made;
  const [b, whole] = other.made;
  assert.deepEqual(
    [a, b].map((span) => [span!.spanId, span!.parent, span!.startMs, span!.endMs, span!.error]),
    [
      [attemptSpanId('run', 'a', 1), { ...caller, spanId: runSpan }, 1200, 2000, undefined],
      [attemptSpanId('run', 'b', 1), { ...caller, spanId: runSpan }, 2010, 4001, 'exited with code 3'],
    ],
  );
  assert.deepEqual(
    [whole!.spanId, whole!.parent, whole!.startMs, whole!.endMs],
    [runSpan, caller, 1000, 4002],
  );
  assert.equal(other.made.length, 2);
});

test('a run that is resumed is a part of the trace of whoever does that; without one it is in none', () => {
  const run = newRunMachine(tracedEvent(), 'm', 1);
  const { made, observer } = recorder();
  startAttempt(run, findTask(run, 'a')!, 'e', 1200);
  attemptReported(run, report('a', 1, { outcome: 2, reason: 'x' }), 'e', 1, 1300, half);
  settleRun(run, 1301);
  observer.committed(run, take(run));
  const again = { ...caller, traceId: 'c'.repeat(32) };
  resumeRun(run, { processors: ['a'], specJson: '', from: [], trace: traceContextOf(again) }, 5000);
  startAttempt(run, findTask(run, 'a')!, 'e', 5001);
  attemptReported(run, report('a', 2, { outcome: 2, reason: 'x' }), 'e', 1, 5300, half);
  settleRun(run, 5301);
  observer.committed(run, take(run));
  const runs = made.filter(({ name }) => name.startsWith('run '));
  assert.deepEqual(
    runs.map(({ parent, startMs }) => [parent!.traceId, startMs]),
    [
      [caller.traceId, 1000],
      [again.traceId, 5000],
    ],
  );
  assert.notEqual(runs[0]!.spanId, runs[1]!.spanId);

  resumeRun(run, { processors: ['a'], specJson: '', from: [] }, 6000);
  startAttempt(run, findTask(run, 'a')!, 'e', 6001);
  const count = made.length;
  attemptReported(run, report('a', 3), 'e', 1, 6300, half);
  observer.committed(run, take(run));
  assert.equal(made.length, count);
});
