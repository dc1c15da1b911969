import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { loopInHand } from './loop.fixture.ts';
import { failure, newRun, pipeline, program, report, standing } from './run.fixture.ts';
import { newLoad } from './schedule.ts';

const testLoop = () => loopInHand((tick) => void setImmediate(tick), turns);
const everything = () => true;
const nothing = () => false;
/** What was deferred, and what it awaits, has happened. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

test('a run from its start to its end: journal first, then assignments, acknowledgements and watchers', async () => {
  const { loop, hold, release, assigned, acknowledged, commits, told, tell } = testLoop();
  hold();
  loop.executorJoined('e1', 2, everything);
  loop.add(newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }])), { adopted: false });
  await turns();
  assert.deepEqual(
    commits.map(({ seqs }) => seqs),
    [[2]],
  );
  assert.deepEqual([assigned(), told], [[], []], 'nothing before the journal holds it');
  release();
  await turns();
  assert.deepEqual(assigned(), ['e1 run/a#1']);
  tell(report('a', 1));
  await loop.settled();
  tell(report('b', 1));
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/a#1', 'e1 run/b#1']);
  assert.deepEqual(acknowledged(), ['run@1/a#1', 'run@1/b#1']);
  assert.equal(told.at(-1), 'run runEnded');
  assert.equal(loop.runs.size, 0);
  assert.deepEqual(loop.executors.get('e1'), newLoad('e1', 2));
});

test('what comes during a commit becomes one commit together', async () => {
  const { loop, hold, release, commits, tell } = testLoop();
  loop.executorJoined('e1', 2, everything);
  hold();
  const wide = Array.from({ length: 50 }, (_, i) => ({ name: `p${i}` }));
  loop.add(newRun(pipeline(wide)), { adopted: false });
  await turns();
  for (const { name } of wide) tell(report(name, 1));
  await turns();
  assert.equal(commits.length, 1);
  release();
  await loop.settled();
  assert.deepEqual(
    commits.map(({ seqs }) => seqs.length),
    [50, 51],
  );
});

test('while the store fails nothing is sent or started; the same events are tried until they hold', async () => {
  const { loop, hold, fail, ring, assigned, acknowledged, told, commits, tell } = testLoop();
  loop.executorJoined('e1', 1, everything);
  loop.add(newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }])), { adopted: false });
  await loop.settled();
  hold();
  tell(report('a', 1));
  await turns();
  fail('disk full');
  await turns();
  assert.deepEqual(acknowledged(), []);
  assert.equal(told.at(-1), 'disk full');
  await ring();
  assert.deepEqual(
    commits.slice(1, 3).map(({ seqs }) => seqs),
    [
      [3, 4],
      [3, 4],
    ],
  );
  assert.deepEqual(acknowledged(), ['run@1/a#1']);
  assert.deepEqual(assigned(), ['e1 run/a#1', 'e1 run/b#1']);
  assert.ok(told.includes('store works'));
  loop.stop();
});

test('of a run that another manager owns nothing is sent, and its room is used at once', async () => {
  const { loop, hold, release, assigned, acknowledged, told, tell } = testLoop();
  loop.executorJoined('e1', 1, everything);
  const two = [
    { name: 'a', action: program },
    { name: 'b', action: program },
  ];
  loop.add(newRun(pipeline(two), 'lost'), { adopted: false });
  await loop.settled();
  loop.add(newRun(pipeline(two), 'mine'), { adopted: false });
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 lost/a#1']);
  hold();
  tell(report('a', 1, { startedUnixMs: 1, endedUnixMs: 1001 }), 'lost');
  await turns();
  release(['lost']);
  await turns();
  assert.deepEqual(acknowledged(), [], 'its report is not stored: the new owner is to be told');
  assert.ok(told.includes('lost fenced'));
  assert.deepEqual(assigned(), ['e1 lost/a#1', 'e1 mine/a#1']);
  tell(report('b', 1), 'lost');
  await loop.settled();
  assert.deepEqual(acknowledged(), []);
});

test('reports that come again are acknowledged, also after the end; those of what still runs are not', async () => {
  const { loop, acknowledged, sent, tell } = testLoop();
  loop.executorJoined('e1', 1, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }]), 'run', 2);
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(report('a', 1), 'run', 2);
  tell(report('b', 1), 'run', 1);
  tell(report('b', 2), 'run', 2);
  tell(report('a', 1), 'unknown', 2);
  await loop.settled();
  assert.deepEqual(standing(run), { a: 'Succeeded', b: 'Running' });
  assert.deepEqual(acknowledged(), ['run@2/a#1']);
  tell(report('b', 1), 'run', 2);
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  sent.length = 0;
  tell(report('a', 1), 'run', 1);
  await loop.settled();
  assert.deepEqual(acknowledged(), ['run@2/a#1'], 'under the epoch of the owner');
});

test('a session that breaks during a commit: what is to be sent waits until the executor has joined again', async () => {
  const { loop, hold, release, assigned } = testLoop();
  loop.executorJoined('e1', 1, everything);
  await loop.settled();
  hold();
  const run = newRun(pipeline([{ name: 'a' }]));
  loop.add(run, { adopted: false });
  await turns();
  loop.executorSuspended('e1');
  release();
  await turns();
  assert.deepEqual(assigned(), []);
  loop.executorJoined('e1', 1, nothing);
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/a#1']);
  assert.deepEqual(standing(run), { a: 'Running' }, 'what was never sent is not lost');
});

test('an executor that joins again: what was sent to it and it does not know is lost', async () => {
  const { loop, assigned, ring } = testLoop();
  loop.executorJoined('e1', 4, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.executorSuspended('e1');
  loop.executorJoined('e1', 4, (_, { processor }) => processor === 'a');
  await loop.settled();
  assert.deepEqual(standing(run), { a: 'Running', b: 'Idle retry-backoff' });
  assert.equal(loop.executors.get('e1')!.call, 1);
  await ring();
  assert.equal(assigned().at(-1), 'e1 run/b#2');
});

test('an executor whose session broke gets nothing new, and when it is lost so is what it ran', async () => {
  const { loop, assigned, told, ring } = testLoop();
  loop.executorJoined('e1', 4, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.executorSuspended('e1');
  loop.executorLost('e1', 'It ended.');
  await loop.settled();
  assert.deepEqual(standing(run), { a: 'Idle retry-backoff', b: 'Idle' });
  await ring();
  assert.equal(told.at(-1), 'need executor');
  loop.executorJoined('e2', 1, everything);
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/a#1', 'e2 run/a#2']);
});

test('an attempt that its executor refuses is lost there', async () => {
  const { loop } = testLoop();
  loop.executorJoined('e1', 4, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.refused('e1', 'run', { processor: 'a', attempt: 1 }, 'draining');
  loop.refused('e1', 'run', { processor: 'b', attempt: 7 }, 'another one');
  await loop.settled();
  assert.deepEqual(standing(run), { a: 'Idle retry-backoff', b: 'Running' });
  loop.stop();
});

test('cancel goes to the executors, also to one that joins later', async () => {
  const { loop, cancelled, sent, tell } = testLoop();
  loop.executorJoined('e1', 1, everything);
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  loop.cancel('run', 'enough');
  await loop.settled();
  assert.deepEqual(cancelled(), ['run@1/a#1']);
  sent.length = 0;
  loop.executorSuspended('e1');
  loop.executorJoined('e1', 1, everything);
  await loop.settled();
  assert.deepEqual(cancelled(), ['run@1/a#1']);
  tell(failure('a', 1));
  await loop.settled();
  assert.deepEqual([run.state, run.reason], [RunState.FAILED, 'cancelled']);
});

test('a run that is taken over is journaled as adopted, and what runs of it takes room', async () => {
  const first = testLoop();
  first.loop.executorJoined('e1', 2, everything);
  const run = newRun(pipeline([{ name: 'a', action: program }]));
  first.loop.add(run, { adopted: false });
  await first.loop.settled();
  first.loop.stop();

  const { loop, told, tell, acknowledged } = testLoop();
  loop.executorJoined('e1', 2, everything);
  loop.add(Object.assign(run, { managerId: 'other', epoch: 2 }), { adopted: true });
  await loop.settled();
  assert.deepEqual(told, ['run runAdopted']);
  assert.equal(loop.executors.get('e1')!.program, 1);
  tell(report('a', 1), 'run', 1);
  await loop.settled();
  assert.equal(run.state, RunState.SUCCEEDED);
  assert.deepEqual(acknowledged(), ['run@2/a#1']);
});

test('a run that ended is kept for its resume, however late; a second resume changes nothing', async () => {
  const { loop, tell, assigned, acknowledged } = testLoop();
  loop.executorJoined('e1', 2, everything);
  const run = newRun(pipeline([{ name: 'a' }]));
  loop.add(run, { adopted: false });
  await loop.settled();
  tell(failure('a', 1));
  await loop.settled();
  assert.equal(run.state, RunState.FAILED);
  loop.add(run, { adopted: true });
  await loop.settled();
  loop.resume('run', { processors: ['a'], specJson: '', from: [] });
  loop.resume('run', { processors: ['a'], specJson: '', from: [] });
  await loop.settled();
  loop.resume('run', { processors: ['a'], specJson: '', from: [] });
  await loop.settled();
  assert.deepEqual(assigned(), ['e1 run/a#1', 'e1 run/a#2']);
  // It has ended here before, but now another manager has it: whose business the report is.
  loop.drop('run');
  tell(report('a', 2));
  await loop.settled();
  assert.deepEqual(acknowledged(), ['run@1/a#1']);
});

test('a run is here once, and is dropped only by who knows of a newer owner', async () => {
  const { loop } = testLoop();
  const run = newRun(pipeline([{ name: 'a' }]), 'run', 2);
  loop.add(run, { adopted: false });
  loop.add(newRun(pipeline([{ name: 'a' }]), 'run', 2), { adopted: true });
  await loop.settled();
  assert.equal(loop.runs.get('run'), run);
  const newer = newRun(pipeline([{ name: 'a' }]), 'run', 5);
  loop.add(newer, { adopted: true });
  loop.drop('run', 5);
  await loop.settled();
  assert.equal(loop.runs.get('run'), newer);
  loop.drop('run', 6);
  await loop.settled();
  assert.equal(loop.runs.size, 0);
});

test('a run is let go with all that was sent of it, and stays while something waits', async () => {
  const { loop, assigned, hold, release } = testLoop();
  loop.executorJoined('e1', 2, everything);
  await loop.settled();
  // The session breaks while the start is being committed: it is journaled, and not sent.
  hold();
  loop.add(newRun(pipeline([{ name: 'a' }])), { adopted: false });
  await turns();
  loop.executorSuspended('e1');
  release();
  loop.letGo('run');
  await loop.settled();
  assert.deepEqual([assigned(), [...loop.runs.keys()]], [[], ['run']]);
  loop.executorJoined('e1', 2, nothing);
  await loop.settled();
  loop.letGo('run');
  await loop.settled();
  assert.deepEqual([assigned(), loop.runs.size], [['e1 run/a#1'], 0]);
});

test('a loop that was stopped commits and sends nothing more', async () => {
  const { loop, commits } = testLoop();
  loop.executorJoined('e1', 2, everything);
  loop.add(newRun(pipeline([{ name: 'a' }])), { adopted: false });
  loop.stop();
  await turns();
  await loop.settled();
  assert.equal(commits.length, 0);
});
