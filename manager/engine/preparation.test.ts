import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Prepared } from './preparation.ts';
import { type Answers, CACHE, preparedWorld, reuse, start } from './prepared.fixture.ts';
import { failure, newRun, type ProcessorSketch, pipeline, report, standing } from './run.fixture.ts';

/** What was put in, and what it awaits, has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise(setImmediate);
}

const world = (answers: Answers) => preparedWorld((tick) => void setImmediate(tick), turns, answers);

test('a chain that is reused is gone through in one commit', async () => {
  const names = Array.from({ length: 50 }, (_, i) => `p${i}`);
  const { loop, commits } = world(Object.fromEntries(names.map((name) => [name, reuse])));
  const chain = names.map((name, i) => ({ name, cache: CACHE, needs: i === 0 ? [] : [names[i - 1]!] }));
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
