import assert from 'node:assert/strict';
import test from 'node:test';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { evolve } from './evolve.ts';
import { promoteRetries } from './readiness.ts';
import { createdEvent, failure, newRun, pipeline, report, standing } from './run.fixture.ts';
import { newRunMachine, type RunMachine } from './run.ts';
import {
  attemptReported,
  attemptsLost,
  backoff,
  cancelRun,
  INFRA_LIMIT,
  progressReported,
  resumeRun,
  settleRun,
  startAttempt,
} from './transitions.ts';

let now = 10_000;

/** Starts everything that is ready; returns the names. */
function startAll(run: RunMachine): string[] {
  promoteRetries(run, now);
  const started: string[] = [];
  for (;;) {
    const node = run.ready.take('call');
    if (node === undefined) return started;
    startAttempt(run, node, 'e1', now);
    started.push(node.name);
  }
}

function tell(run: RunMachine, told: Report, executorId = 'e1', epoch = run.epoch): boolean {
  const taken = attemptReported(run, told, executorId, epoch, now, () => 0);
  settleRun(run, now);
  return taken !== undefined;
}

const kinds = (events: Event[]) => events.map(({ event }) => event.case);

test('a processor starts when all it needs have succeeded, and the run ends with the last one', () => {
  const run = newRun(pipeline([{ name: 'c', needs: ['a', 'b'] }, { name: 'a' }, { name: 'b' }]));
  assert.deepEqual(startAll(run), ['a', 'b']);
  tell(run, report('a', 1));
  assert.deepEqual(startAll(run), []);
  tell(run, report('b', 1));
  assert.deepEqual(startAll(run), ['c']);
  assert.equal(run.state, RunState.RUNNING);
  tell(run, report('c', 1));
  assert.deepEqual([run.state, run.reason, run.endedMs], [RunState.SUCCEEDED, '', now]);
  assert.deepEqual([run.idle, run.running, run.failed, run.succeeded, run.open], [0, 0, 0, 3, 0]);
  assert.deepEqual(
    run.uncommitted.map(({ seq }) => seq),
    [2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(run.uncommitted.at(-1)!.event.case, 'runEnded');
});

test('after a failure independent branches go on; what depends on it stays Idle', () => {
  const run = newRun(
    pipeline([
      { name: 'bad' },
      { name: 'after', needs: ['bad'] },
      { name: 'later', needs: ['after', 'good'] },
      { name: 'good' },
      { name: 'other', needs: ['good'] },
    ]),
  );
  startAll(run);
  tell(run, { ...failure('bad', 1), message: 'no such file' });
  tell(run, report('good', 1));
  assert.deepEqual(startAll(run), ['other']);
  tell(run, report('other', 1));
  assert.deepEqual(standing(run), {
    bad: 'Failed exit-code',
    after: 'Idle upstream-failed',
    later: 'Idle upstream-failed',
    good: 'Succeeded',
    other: 'Succeeded',
  });
  assert.deepEqual(
    [run.state, run.reason, run.message],
    [RunState.FAILED, 'processor-failed', 'bad: no such file'],
  );
});

test('onFailure: warn lets the run go on and succeed, with a warning', () => {
  const run = newRun(
    pipeline([
      { name: 'bad', onFailure: 'warn' },
      { name: 'after', needs: ['bad'] },
    ]),
  );
  startAll(run);
  tell(run, { ...failure('bad', 1), message: 'no mail' });
  assert.deepEqual(startAll(run), ['after']);
  tell(run, report('after', 1));
  assert.deepEqual([run.state, run.warnings], [RunState.SUCCEEDED, ['bad: no mail']]);
});

test('a failure is tried again after its backoff, as often as retries allow', () => {
  const retries = { limit: 2, initialMs: 1000, maxMs: 60_000, factor: 3, jitter: 0 };
  const run = newRun(pipeline([{ name: 'a', retries }]));
  startAll(run);
  tell(run, failure('a', 1));
  assert.deepEqual(standing(run), { a: 'Idle retry-backoff' });
  now += 999;
  assert.deepEqual(startAll(run), []);
  now += 1;
  assert.deepEqual(startAll(run), ['a']);
  tell(run, failure('a', 2));
  now += 2999;
  assert.deepEqual(startAll(run), []);
  now += 1;
  assert.deepEqual(startAll(run), ['a']);
  tell(run, failure('a', 3));
  assert.deepEqual(standing(run), { a: 'Failed exit-code' });
  assert.equal(run.state, RunState.FAILED);
});

test('the wait grows to its maximum, and jitter only shortens it', () => {
  const retries = { limit: 9, initialMs: 100, maxMs: 1000, factor: 2, jitter: 0.5 };
  const waits = [0, 1, 2, 3, 4, 60].map((failures) => backoff(retries, failures, () => 0));
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  assert.equal(
    backoff(retries, 1, () => 0.5),
    150,
  );
});

test('lost attempts cost no retries, until a processor is taken for what kills its executors', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'after', needs: ['a'] }]));
  for (let lost = 1; lost <= INFRA_LIMIT; lost++) {
    assert.deepEqual(startAll(run), ['a']);
    attemptsLost(
      run,
      () => true,
      'gone',
      now,
      () => 0,
    );
    assert.deepEqual(standing(run).a, 'Idle retry-backoff');
    now += 100 * 2 ** lost;
  }
  startAll(run);
  attemptsLost(
    run,
    () => true,
    'gone',
    now,
    () => 0,
  );
  settleRun(run, now);
  assert.deepEqual(standing(run), { a: 'Failed poison', after: 'Idle upstream-failed' });
  const { report: last } = run.graph.getNodeAttributes('a').attempts.at(-1)!;
  assert.equal(last!.failureClass, FailureClass.POISON);
});

test('what the ground refuses again and again is told by its own name: only lost executors make a poison', () => {
  const run = newRun(pipeline([{ name: 'a' }]));
  for (let attempt = 1; attempt <= INFRA_LIMIT + 1; attempt++) {
    assert.deepEqual(startAll(run), ['a']);
    tell(run, { ...failure('a', attempt, FailureClass.INFRA), reason: 'store-full' });
    now += 100 * 2 ** attempt;
  }
  assert.deepEqual(standing(run), { a: 'Failed store-full' });
  const { report: last } = run.graph.getNodeAttributes('a').attempts.at(-1)!;
  assert.equal(last!.failureClass, FailureClass.INFRA);
});

test('a preempted attempt costs no retry either', () => {
  const run = newRun(pipeline([{ name: 'a' }]));
  startAll(run);
  tell(run, failure('a', 1, FailureClass.PREEMPTED));
  assert.deepEqual(standing(run), { a: 'Idle retry-backoff' });
});

test('a report of another executor, epoch, attempt or processor, or told twice, changes nothing', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]), 'run', 3);
  startAll(run);
  const seq = run.seq;
  assert.equal(tell(run, report('a', 1), 'e2'), false);
  assert.equal(tell(run, report('a', 1), 'e1', 2), false);
  assert.equal(tell(run, report('a', 1), 'e1', 4), false);
  assert.equal(tell(run, report('a', 2)), false);
  assert.equal(tell(run, report('b', 1)), false);
  assert.equal(tell(run, report('c', 1)), false);
  assert.equal(run.seq, seq);
  assert.equal(tell(run, report('a', 1)), true);
  assert.equal(tell(run, report('a', 1)), false);
});

test('cancel: what runs is to be ended, everything else stays Idle, and the run has failed as cancelled', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c' }]));
  startAll(run);
  tell(run, report('c', 1));
  const running = cancelRun(run, 'enough', now);
  assert.deepEqual(
    running.map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(standing(run), { a: 'Running', b: 'Idle cancelled', c: 'Succeeded' });
  const { seq } = run;
  cancelRun(run, 'again', now);
  assert.equal(run.seq, seq, 'a second cancel changes nothing');
  tell(run, failure('a', 1));
  assert.deepEqual(standing(run).a, 'Failed cancelled');
  assert.deepEqual([run.state, run.reason, run.message], [RunState.FAILED, 'cancelled', 'enough']);
});

test('cancel while a retry is waited for, and cancel that comes too late to change anything', () => {
  const retries = { limit: 1, initialMs: 10, maxMs: 10, factor: 1, jitter: 0 };
  const waiting = newRun(pipeline([{ name: 'a', retries }]));
  startAll(waiting);
  tell(waiting, failure('a', 1));
  cancelRun(waiting, '', now);
  settleRun(waiting, now);
  assert.deepEqual(standing(waiting), { a: 'Idle cancelled' });
  assert.equal(waiting.retrying.size, 0);
  assert.equal(waiting.state, RunState.FAILED);

  const done = newRun(pipeline([{ name: 'a' }]));
  startAll(done);
  cancelRun(done, '', now);
  tell(done, report('a', 1));
  assert.equal(done.state, RunState.SUCCEEDED);
});

test('resume starts what failed and what depends on it; attempts count on, failures do not', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }, { name: 'c', needs: ['a', 'b'] }]));
  startAll(run);
  tell(run, report('a', 1));
  tell(run, failure('b', 1));
  assert.equal(run.state, RunState.FAILED);
  resumeRun(run, { processors: ['b'], specJson: '', from: [] }, now);
  assert.equal(run.state, RunState.RUNNING);
  assert.deepEqual(standing(run), { a: 'Succeeded', b: 'Idle', c: 'Idle' });
  assert.deepEqual(startAll(run), ['b']);
  tell(run, report('b', 2));
  assert.deepEqual(startAll(run), ['c']);
  tell(run, report('c', 1));
  assert.equal(run.state, RunState.SUCCEEDED);
});

test('resume from a processor that succeeded starts it and all that depends on it again', () => {
  const run = newRun(
    pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c', needs: ['b'] }, { name: 'd' }]),
  );
  for (const name of ['a', 'd', 'b', 'c']) {
    startAll(run);
    tell(run, report(name, 1));
  }
  resumeRun(run, { processors: ['b'], specJson: '', from: [] }, now);
  assert.deepEqual(standing(run), { a: 'Succeeded', b: 'Idle', c: 'Idle', d: 'Succeeded' });
  assert.deepEqual([run.idle, run.succeeded, run.open], [2, 2, 2]);
  assert.deepEqual(startAll(run), ['b']);
});

test('resume with an edited spec: new processors, new needs, other lanes', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  startAll(run);
  tell(run, failure('a', 1));
  const edited = pipeline([{ name: 'new' }, { name: 'a', needs: ['new'] }, { name: 'b', needs: ['a'] }]);
  resumeRun(run, { processors: ['a', 'new'], specJson: JSON.stringify(edited), from: [] }, now);
  assert.deepEqual(startAll(run), ['new']);
  tell(run, report('new', 1));
  assert.deepEqual(startAll(run), ['a']);
  tell(run, report('a', 2));
  assert.deepEqual(startAll(run), ['b']);
  tell(run, report('b', 1));
  assert.equal(run.state, RunState.SUCCEEDED);
});

test('context is inherited down the graph; of two that give the same key the later in the file wins', () => {
  const run = newRun(
    pipeline(
      [
        { name: 'end', needs: ['second', 'first', 'plain'] },
        { name: 'first' },
        { name: 'second' },
        { name: 'plain' },
        { name: 'alone' },
      ],
      { context: { TEAM: 'a', STAGE: 'test' } },
    ),
  );
  startAll(run);
  tell(run, report('second', 1, { context: { TEAM: 'c' } }));
  tell(run, report('first', 1, { context: { TEAM: 'b', ONLY: '1' } }));
  tell(run, report('plain', 1));
  assert.deepEqual(run.graph.getNodeAttribute('end', 'context'), { TEAM: 'c', STAGE: 'test', ONLY: '1' });
  assert.deepEqual(run.graph.getNodeAttribute('alone', 'context'), { TEAM: 'a', STAGE: 'test' });
});

test('progress is journaled once for each change, and only of the attempt that runs', () => {
  const run = newRun(pipeline([{ name: 'a' }]));
  startAll(run);
  const half = { processor: 'a', attempt: 1, fraction: 0.5, message: 'half' };
  progressReported(run, half, now);
  progressReported(run, half, now);
  progressReported(run, { ...half, attempt: 2, fraction: 0.9 }, now);
  progressReported(run, { ...half, processor: 'x' }, now);
  assert.deepEqual(kinds(run.uncommitted), ['attemptStarted', 'progressMade']);
  assert.equal(run.graph.getNodeAttribute('a', 'progress'), 0.5);
});

test('a run that is read from its journal waits for its retries as the one in memory does', () => {
  const spec = pipeline([
    { name: 'a', retries: { limit: 3, initialMs: 5000, maxMs: 5000, factor: 1, jitter: 0 } },
    { name: 'b' },
  ]);
  const run = newRun(spec);
  startAll(run);
  tell(run, failure('a', 1));
  const rebuilt = newRunMachine(createdEvent(spec), null, 1);
  for (const event of run.uncommitted) evolve(rebuilt, event);
  assert.deepEqual([rebuilt.ready.size(), rebuilt.retrying.size], [0, 1]);
  now += 4999;
  assert.deepEqual(startAll(rebuilt), []);
  now += 1;
  assert.deepEqual(startAll(rebuilt), ['a']);
});

test('a journal that does not begin with its run, or begins twice, is refused', () => {
  const spec = pipeline([{ name: 'a' }]);
  const run = newRun(spec);
  assert.throws(() => evolve(run, createdEvent(spec)), /does not belong here/);
  startAll(run);
  assert.throws(() => newRunMachine(run.uncommitted[0]!, null, 1), /starts with runCreated/);
});
