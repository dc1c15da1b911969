import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Event, EventBatchSchema, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { evolve } from './evolve.ts';
import type { Prepared, Unready } from './preparation.ts';
import { type Answers, action, CACHE, list, preparedWorld, reuse, start } from './prepared.fixture.ts';
import {
  createdEvent,
  failure,
  newRun,
  type ProcessorSketch,
  pipeline,
  report,
  standing,
} from './run.fixture.ts';
import { newRunMachine, type RunMachine } from './run.ts';

/** What was put in, and what it awaits, has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise(setImmediate);
}

const world = (answers: Answers) => preparedWorld((tick) => void setImmediate(tick), turns, answers);

const fan = (rest: Partial<ProcessorSketch> = {}): ProcessorSketch => ({ name: 'f', each: [], ...rest });
const running = (run: RunMachine) => run.graph.getNodeAttributes('f').instances!.running;
const ended = { staging: 'never' as const };

test('instances start once the list is known; the processor succeeds when all have, and lets go what needs it', async () => {
  const { loop, tell, assigned, told } = world({ f: list(3) });
  const run = newRun(pipeline([fan(), { name: 'after', needs: ['f'] }], ended));
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/f[0]#1', 'e1 run/f[1]#1', 'e1 run/f[2]#1']);
  assert.deepEqual(standing(run), { f: 'Running', after: 'Idle' });
  for (const index of [2, 0, 1]) tell(report(`f[${index}]`, 1));
  await loop.settled();
  assert.deepEqual(standing(run), { f: 'Succeeded', after: 'Running' });
  tell(report('after', 1));
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  assert.equal(told.filter((line) => line === 'run attemptEnded').length, 4);
});

test('an empty list is done at once; a list that is none fails the processor', async () => {
  const bad: Prepared = { kind: 'fail', reason: 'bad-list', message: 'it is a number' };
  const { loop, tell } = world({ f: list(0), g: bad });
  const run = newRun(pipeline([fan(), fan({ name: 'g' }), { name: 'h', needs: ['f'] }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('h', 1));
  await loop.settled();
  assert.deepEqual(standing(run), { f: 'Succeeded', g: 'Failed bad-list', h: 'Succeeded' });
  assert.equal(run.message, 'g: it is a number');
});

test('width bounds how many run at once, retries among them', async () => {
  const { loop, tell, assigned, ring } = world({ f: list(5) });
  const retries = { limit: 1, initialMs: 100, maxMs: 100, factor: 1, jitter: 0 };
  const run = newRun(pipeline([fan({ width: 2, retries })]));
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.equal(running(run), 2);
  tell(failure('f[0]', 1));
  await loop.settled();
  assert.equal(running(run), 2);
  assert.equal(assigned().at(-1), 'e1 run/f[2]#1');
  await ring();
  assert.equal(running(run), 2, 'the one that is tried again waits for its turn');
  for (const name of ['f[1]', 'f[2]', 'f[3]', 'f[4]']) {
    tell(report(name, 1));
    await loop.settled();
    assert.ok(running(run) <= 2);
  }
  tell(report('f[0]', 2));
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
});

test('without failFast the others go on after a failure, with it they are ended and none starts', async () => {
  const calm = world({ f: list(3) });
  const first = newRun(pipeline([fan({ width: 1 })]));
  calm.loop.add(first, { adopted: false });
  await calm.loop.settled();
  calm.tell(failure('f[0]', 1));
  await calm.loop.settled();
  calm.tell(report('f[1]', 1));
  await calm.loop.settled();
  calm.tell(report('f[2]', 1));
  await calm.loop.settled();
  assert.deepEqual(standing(first), { f: 'Failed instances-failed' });
  assert.equal(calm.assigned().length, 3);

  const fast = world({ f: list(9) });
  const second = newRun(pipeline([fan({ width: 3, failFast: true })]));
  fast.loop.add(second, { adopted: false });
  await fast.loop.settled();
  fast.tell(failure('f[1]', 1));
  await fast.loop.settled();
  assert.deepEqual(fast.cancelled(), ['run@1/f[0]#1', 'run@1/f[2]#1']);
  fast.tell(failure('f[0]', 1));
  fast.tell(report('f[2]', 1));
  await fast.loop.settled();
  assert.deepEqual(standing(second), { f: 'Failed instances-failed' });
  assert.equal(fast.assigned().length, 3);
  assert.match(second.message, /^f: f\[1\] failed/);
});

test('an instance that cannot be prepared fails alone; with onFailure: warn the processor only warns', async () => {
  const bad: Unready = { kind: 'fail', reason: 'bad-expression', message: 'no such field' };
  const { loop, tell } = world({ f: list(3, (index) => (index === 1 ? bad : action)) });
  const run = newRun(pipeline([fan({ onFailure: 'warn' })]));
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('f[0]', 1));
  tell(report('f[2]', 1));
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  assert.deepEqual(run.warnings, ['f: 1 of 3 failed; f[1]: no such field']);
});

test('cancel ends what runs and starts nothing more; instances that never started stay Idle', async () => {
  const { loop, tell, cancelled } = world({ f: list(4) });
  const run = newRun(pipeline([fan({ width: 2 }), { name: 'after', needs: ['f'] }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.cancel('run', 'enough');
  await loop.settled();
  assert.deepEqual(cancelled(), ['run@1/f[0]#1', 'run@1/f[1]#1']);
  tell(failure('f[0]', 1));
  tell(failure('f[1]', 1));
  await loop.settled();
  assert.deepEqual(standing(run), { f: 'Failed cancelled', after: 'Idle cancelled' });
  assert.equal(run.reason, 'cancelled');
});

test('cached instances are asked about one by one, and those that are reused never start', async () => {
  const { loop, tell, asked, assigned } = world({ f: list(3), 'f[0]': reuse, 'f[1]': start, 'f[2]': reuse });
  const run = newRun(pipeline([fan({ cache: CACHE })]));
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.deepEqual(asked, ['f', 'f[0]', 'f[1]', 'f[2]']);
  assert.deepEqual(assigned(), ['e1 run/f[1]#1']);
  tell(report('f[1]', 1));
  await loop.settled();
  assert.deepEqual(standing(run), { f: 'Succeeded' });
});

test('a manager that takes the run over asks for the list again and goes on with what is left', async () => {
  const { loop, tell, asked, journal } = world({ f: list(4) });
  const spec = pipeline([fan({ width: 2 })]);
  const run = newRun(spec);
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('f[0]', 1));
  await loop.settled();
  assert.deepEqual(asked, ['f']);
  const second = world({ f: list(4) });
  const replay = newRunMachine(createdEvent(spec), 'manager', 1);
  for (const event of stored(journal)) evolve(replay, event);
  assert.deepEqual(
    replay.graph.getNodeAttributes('f').instances!.tasks.map(({ state }) => state),
    [ProcessorState.SUCCEEDED, ProcessorState.RUNNING, ProcessorState.RUNNING, ProcessorState.IDLE],
  );
  Object.assign(replay, { epoch: 2 });
  second.loop.add(replay, { adopted: true });
  await second.loop.settled();
  assert.deepEqual(second.asked, ['f']);
  assert.deepEqual(second.assigned(), [], 'two run, and no more may');
  second.tell(report('f[1]', 1), 'run', 1);
  await second.loop.settled();
  assert.deepEqual(second.assigned(), ['e1 run/f[3]#1']);
});

test('resume starts the instances that failed; named with --from, all of them', async () => {
  const { loop, tell, assigned, sent } = world({ f: list(3) });
  const run = newRun(pipeline([fan()]));
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('f[0]', 1));
  tell(failure('f[1]', 1));
  tell(report('f[2]', 1));
  await loop.settled();
  assert.equal(run.state, RunState.FAILED);
  sent.length = 0;
  Object.assign(run, { epoch: 2 });
  loop.add(run, { adopted: false });
  loop.resume('run', { processors: ['f'], specJson: '', from: [] });
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/f[1]#2']);
  tell(report('f[1]', 2), 'run', 2);
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  sent.length = 0;
  Object.assign(run, { epoch: 3 });
  loop.add(run, { adopted: false });
  loop.resume('run', { processors: ['f'], specJson: '', from: ['f'] });
  await loop.settled();
  assert.deepEqual(assigned().length, 3);
});

/** Events as a store gives them back. */
function stored(events: Event[]): Event[] {
  const bytes = toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events });
  return fromBinary(EventBatchSchema, bytes).events;
}
