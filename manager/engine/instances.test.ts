import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Event, EventBatchSchema, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Task } from '../graph/processor-node.ts';
import { loopInHand } from './loop.fixture.ts';
import type { Prepared, ReadyAction, Unready } from './preparation.ts';
import {
  createdEvent,
  failure,
  newRun,
  type ProcessorSketch,
  pipeline,
  report,
  standing,
} from './run.fixture.ts';
import { evolve, newRunMachine, type RunMachine } from './run.ts';

async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise(setImmediate);
}

const action: ReadyAction = {
  action: { case: 'call', value: { $typeName: 'wiz.v1.Call', uses: 'noop', withJson: '' } },
  environment: {},
  inputJson: '',
  needs: [],
  secrets: [],
  inputs: [],
};
const start: Prepared = { kind: 'start', action, cache: undefined };
const list = (
  count: number,
  actionOf: (index: number) => ReadyAction | Unready = () => action,
): Prepared => ({
  kind: 'expand',
  count,
  actionOf,
});
const reuse: Prepared = {
  kind: 'reuse',
  cache: {
    $typeName: 'wiz.v1.CacheDecision',
    key: 'k',
    verdict: 'reused',
    reason: '',
    runId: 'r',
    attempt: 1,
    parts: {},
  },
  output: undefined,
  context: {},
  files: [],
  inputs: [],
};

function world(answers: Record<string, Prepared | (() => Prepared | Promise<Prepared>)>) {
  const asked: string[] = [];
  const prepare = (_run: RunMachine, task: Task) => {
    asked.push(task.name);
    const answer = answers[task.name] ?? answers[task.node.name] ?? start;
    return typeof answer === 'function' ? answer() : answer;
  };
  const hand = loopInHand((tick) => void setImmediate(tick), turns, prepare);
  hand.loop.executorJoined('e1', 4, () => true);
  return { ...hand, asked };
}

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
  const cache = { inputs: [], env: [], version: '', key: '' };
  const { loop, tell, asked, assigned } = world({ f: list(3), 'f[0]': reuse, 'f[1]': start, 'f[2]': reuse });
  const run = newRun(pipeline([fan({ cache })]));
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.deepEqual(asked, ['f', 'f[0]', 'f[1]', 'f[2]']);
  assert.deepEqual(assigned(), ['e1 run/f[1]#1']);
  tell(report('f[1]', 1));
  await loop.settled();
  assert.deepEqual(standing(run), { f: 'Succeeded' });
});

test('a chain that is reused is gone through in one commit', async () => {
  const cache = { inputs: [], env: [], version: '', key: '' };
  const names = Array.from({ length: 50 }, (_, i) => `p${i}`);
  const { loop, commits } = world(Object.fromEntries(names.map((name) => [name, reuse])));
  const chain = names.map((name, i) => ({ name, cache, needs: i === 0 ? [] : [names[i - 1]!] }));
  const run = newRun(pipeline(chain));
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  assert.equal(commits.length, 1);
});

test('an answer that comes later is an input; one that comes after a cancel changes nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<Prepared>();
  const late = Promise.withResolvers<Prepared>();
  const { loop, tell, assigned } = world({ a: () => promise, b: () => late.promise });
  const run = newRun(
    pipeline([
      { name: 'a', when: '${{ true }}' },
      { name: 'b', when: '${{ true }}' },
    ]),
  );
  loop.add(run, { adopted: false });
  await loop.settled();
  assert.deepEqual(assigned(), []);
  resolve(start);
  await turns();
  assert.deepEqual(assigned(), ['e1 run/a#1']);
  loop.cancel('run', '');
  await loop.settled();
  late.resolve(start);
  tell(failure('a', 1));
  await turns();
  assert.deepEqual(standing(run), { a: 'Failed cancelled', b: 'Idle cancelled' });
  assert.equal(run.state, RunState.FAILED);
});

test('rules: what starts after success, failure, and a skipped need', async () => {
  const skip: Prepared = { kind: 'skip', message: 'when is false' };
  const { loop, tell } = world({ skipped: skip });
  const rules = ['all-succeeded', 'any-succeeded', 'all-done', 'none-failed'] as const;
  const after = (needs: string[]) =>
    rules.map((rule) => ({ name: `${needs.join('+')} ${rule}`, needs, rule }));
  const sketches: ProcessorSketch[] = [
    { name: 'good' },
    { name: 'bad' },
    { name: 'skipped', when: '${{ false }}' },
    ...after(['good', 'bad']),
    ...after(['good', 'skipped']),
    ...after(['bad', 'skipped']),
    ...after(['skipped']),
  ];
  const run = newRun(pipeline(sketches));
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('good', 1));
  tell(failure('bad', 1));
  await loop.settled();
  assert.deepEqual(standing(run), {
    good: 'Succeeded',
    bad: 'Failed exit-code',
    skipped: 'Idle skipped',
    'good+bad all-succeeded': 'Idle upstream-failed',
    'good+bad any-succeeded': 'Running',
    'good+bad all-done': 'Running',
    'good+bad none-failed': 'Idle upstream-failed',
    'good+skipped all-succeeded': 'Idle skipped',
    'good+skipped any-succeeded': 'Running',
    'good+skipped all-done': 'Running',
    'good+skipped none-failed': 'Running',
    'bad+skipped all-succeeded': 'Idle upstream-failed',
    'bad+skipped any-succeeded': 'Idle upstream-failed',
    'bad+skipped all-done': 'Running',
    'bad+skipped none-failed': 'Idle upstream-failed',
    'skipped all-succeeded': 'Idle skipped',
    'skipped any-succeeded': 'Idle skipped',
    'skipped all-done': 'Running',
    'skipped none-failed': 'Running',
  });
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
  loop.resume('run', ['f'], '', []);
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/f[1]#2']);
  tell(report('f[1]', 2), 'run', 2);
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  sent.length = 0;
  Object.assign(run, { epoch: 3 });
  loop.add(run, { adopted: false });
  loop.resume('run', ['f'], '', ['f']);
  await loop.settled();
  assert.deepEqual(assigned().length, 3);
});

test('affinity: run keeps a run on one executor, and goes to another when that is lost', async () => {
  const { loop, tell, assigned } = world({});
  loop.executorJoined('e2', 4, () => true);
  const names = ['a', 'b', 'c', 'd'];
  const chain = names.map((name, i) => ({ name, needs: i === 0 ? [] : [names[i - 1]!] }));
  const run = newRun(pipeline(chain, { affinity: 'run' }));
  loop.add(run, { adopted: false });
  await loop.settled();
  const [first] = assigned()[0]!.split(' ');
  tell(report('a', 1), 'run', 1, first);
  await loop.settled();
  assert.equal(assigned().at(-1), `${first} run/b#1`);
  tell(report('b', 1), 'run', 1, first);
  await loop.settled();
  tell(report('c', 1), 'run', 1, first);
  loop.executorLost(first!, 'gone');
  await loop.settled();
  assert.match(assigned().at(-1)!, first === 'e1' ? /^e2 run\/d/ : /^e1 run\/d/);
});

test('executors that had a part in a run are told of its end, and whether staging folders stay', async () => {
  const { loop, tell, sent } = world({});
  loop.add(newRun(pipeline([{ name: 'a' }]), 'good'), { adopted: false });
  loop.add(newRun(pipeline([{ name: 'a' }]), 'bad'), { adopted: false });
  loop.add(newRun(pipeline([{ name: 'a' }], { staging: 'always' }), 'kept'), { adopted: false });
  await loop.settled();
  tell(report('a', 1), 'good');
  tell(failure('a', 1), 'bad');
  tell(report('a', 1), 'kept');
  await loop.settled();
  const told = sent.flatMap(({ outgoing }) => outgoing.endedRuns.map((it) => [it.runId, it.keepStaging]));
  assert.deepEqual(told.sort(), [
    ['bad', true],
    ['good', false],
    ['kept', true],
  ]);
});

/** Events as a store gives them back. */
function stored(events: Event[]): Event[] {
  const bytes = toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events });
  return fromBinary(EventBatchSchema, bytes).events;
}
