/** Instances of a processor, as lines and in the model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Event, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { journal } from '../fixture/events.ts';
import { eventJson } from './jsonlines.ts';
import { eventLines } from './lines.ts';
import { plainPaint } from './paint.ts';
import { applyEvent, emptyRun } from './view.ts';

test('instances as plain lines: the first that fail, what changed, and now and then how far they are', () => {
  const j = journal();
  j.created([{ name: 'list' }, { name: 'parse', needs: ['list'] }]);
  j.started(0, 'list', 1, { verdict: 'missed', reason: 'changed: file data/a.csv' });
  j.succeeded(0, 'list');
  j.expanded(0, 'parse', 1000);
  for (let i = 0; i < 1000; i++) {
    const cache = { verdict: 'missed', reason: i === 7 ? 'changed: item' : 'first run' };
    j.started(i * 10, `parse[${i}]`, 1, cache);
    if (i % 400 === 300) j.failed(i * 10, `parse[${i}]`);
    else j.succeeded(i * 10, `parse[${i}]`);
  }
  j.closed(10_000, 'parse', ProcessorState.FAILED);
  j.kept(10_000);
  j.resumed(11_000, ['parse']);
  j.expanded(11_000, 'parse', 1000);
  assert.deepEqual(linesOf(j.events).slice(1), [
    '12:00:00 list  changed: file data/a.csv',
    '12:00:00 list  Running',
    '12:00:00 list  Succeeded 0.0s',
    '12:00:00 parse  Running 1,000 instances',
    '12:00:00 parse[7]  changed: item',
    '12:00:01 parse  Running 10% 101 of 1,000 done',
    '12:00:02 parse  Running 20% 201 of 1,000 done',
    '12:00:03 parse[300]  Failed 0.0s exit-code: exited with code 3',
    '12:00:03 parse  Running 30% 300 of 1,000 done, 1 failed',
    '12:00:04 parse  Running 40% 400 of 1,000 done, 1 failed',
    '12:00:05 parse  Running 50% 500 of 1,000 done, 1 failed',
    '12:00:06 parse  Running 60% 600 of 1,000 done, 1 failed',
    '12:00:07 parse[700]  Failed 0.0s exit-code: exited with code 3',
    '12:00:07 parse  Running 70% 699 of 1,000 done, 2 failed',
    '12:00:08 parse  Running 80% 799 of 1,000 done, 2 failed',
    '12:00:09 parse  Running 90% 899 of 1,000 done, 2 failed',
    '12:00:10 parse  Failed 10.0s instances-failed: 998 of 1,000 done, 2 failed',
    '12:00:10 audit  Kept report.html (12.3 KB)',
    '12:00:10 audit  Kept 24 rows in temperatures',
    '12:00:11 audit  Resumed from parse',
    '12:00:11 parse  Running 1,000 instances',
  ]);
});

test('of a hundred thousand instances that fail a hundred are told', () => {
  const j = journal();
  j.created([{ name: 'parse' }]);
  j.expanded(0, 'parse', 100_000);
  for (let i = 0; i < 100_000; i++) j.failed(0, `parse[${i}]`);
  const lines = linesOf(j.events);
  assert.equal(lines.length, 103);
  assert.match(
    lines.at(-1)!,
    /parse {2}Of more that fail only the number is told\. All: wiz runs get .* --instances parse/,
  );
});

test('a run that goes on keeps the instances that succeeded, unless they were asked for or are given anew', () => {
  const standing = (processors: string[], from: string[] = []) => {
    const j = journal();
    j.created([{ name: 'list' }, { name: 'parse', needs: ['list'] }]);
    j.succeeded(0, 'list');
    j.expanded(0, 'parse', 3);
    j.reused(1, 'parse[0]');
    j.failed(1, 'parse[1]');
    j.failed(1, 'parse[2]', { retryAfter: 1000 });
    j.closed(2, 'parse', ProcessorState.FAILED);
    j.resumed(3, processors, from);
    const run = emptyRun();
    for (const event of j.events) applyEvent(run, event);
    const { instances, state } = run.processors.get('parse')!;
    return [state, instances && [...instances.states], instances?.failed.size];
  };
  assert.deepEqual(standing(['parse']), [ProcessorState.IDLE, [4, 1, 1], 0]);
  assert.deepEqual(standing(['parse'], ['parse']), [ProcessorState.IDLE, undefined, undefined]);
  assert.deepEqual(standing(['list']), [ProcessorState.IDLE, undefined, undefined]);
});

test('events of instances as JSON lines say which, and how it stands', () => {
  const j = journal();
  j.created([{ name: 'parse' }]);
  j.expanded(0, 'parse', 2);
  j.started(0, 'parse[0]');
  j.succeeded(0, 'parse[0]');
  j.reused(0, 'parse[1]');
  const run = emptyRun();
  const lines = j.events.map((event) => {
    applyEvent(run, event);
    const { kind, processor, attempt, state, reason, instances } = JSON.parse(eventJson(event, run));
    return [kind, processor, attempt, state, reason, instances].join(' ').trimEnd();
  });
  assert.deepEqual(lines.slice(1), [
    'processorExpanded parse  Running  2',
    'attemptStarted parse[0] 1 Running',
    'attemptEnded parse[0] 1 Succeeded',
    'processorReused parse[1]  Succeeded cached',
  ]);
});

function linesOf(events: Event[]): string[] {
  const run = emptyRun();
  return events.flatMap((event) => {
    applyEvent(run, event);
    return eventLines(event, run, plainPaint);
  });
}
