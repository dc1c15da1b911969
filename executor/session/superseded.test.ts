/** What an executor does with work that its run has given up, or that nobody claims. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RUN, testExecutor } from './session.fixture.ts';

const superseded = (epoch: number, ...processors: string[]) => ({
  superseded: [{ runId: RUN, epoch, attempts: processors.map((processor) => ({ processor, attempt: 1 })) }],
});

test('a superseded attempt is ended wherever it is, its slot is free, and nothing is said of it', async (t) => {
  const executor = await testExecutor(t, { slots: 1 });
  const first = executor.manager();
  await first.hello();
  first.program('ended');
  (await executor.program('ended')).end();
  await first.report('ended');
  first.program('runs');
  first.program('waits');
  const runs = await executor.program('runs');
  runs.log('half a line');
  await first.breakOff();

  // Another manager, which did not name the run.
  const second = executor.manager();
  await second.hello();
  const [told] = await second.until(() => second.unclaimed().length > 0 && second.unclaimed());
  assert.deepEqual(told!.attempts.map(({ processor }) => processor).sort(), ['ended', 'runs', 'waits']);
  second.send(superseded(2, 'ended', 'runs', 'waits'));
  second.program('next', { runId: 'another', attempt: 1 });
  const next = await executor.program('next');
  assert.deepEqual(runs.cancelled, ['superseded']);
  runs.log('it goes on talking');
  next.end();
  await second.report('next');
  assert.deepEqual([second.reports().length, second.logs().length], [1, 0]);
  assert.equal(executor.started.length, 3, 'what waited was never started');
});

test('an older epoch supersedes nothing', async (t) => {
  const executor = await testExecutor(t);
  const manager = executor.manager();
  await manager.hello([{ runId: RUN, epoch: 3 }]);
  manager.program('a', { epoch: 3 });
  const a = await executor.program('a');
  manager.send(superseded(2, 'a'));
  manager.call('later', 'noop', {}, 'another');
  await manager.report('later');
  assert.deepEqual(a.cancelled, []);
});

test('a staging folder that nobody claims is told of too, until its run has ended', async (t) => {
  const executor = await testExecutor(t);
  const first = executor.manager();
  await first.hello();
  first.program('a');
  (await executor.program('a')).end();
  await first.report('a');
  first.ack('a');
  await first.end();

  const second = executor.manager();
  await second.hello();
  const [told] = await second.until(() => second.unclaimed().length > 0 && second.unclaimed());
  assert.deepEqual([told!.runId, told!.attempts.length], [RUN, 0]);
  second.send({ endedRuns: [{ runId: RUN, epoch: 1, keepStaging: false }] });
  const third = executor.manager();
  await third.hello();
  await second.until(() => second.received.filter(({ load }) => load).length > 1);
  assert.deepEqual(executor.runsEnded, [{ runId: RUN, keep: false }]);
  assert.deepEqual(second.unclaimed(), []);
});

test('what nobody claims for the orphan time is left, though other managers are there', async (t) => {
  const executor = await testExecutor(t, { orphanMs: 200 });
  const other = executor.manager();
  await other.hello();
  const first = executor.manager();
  await first.hello();
  first.program('a');
  const a = await executor.program('a');
  await first.breakOff();
  while (executor.runsEnded.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(a.cancelled, ['superseded']);
  assert.deepEqual(executor.runsEnded, [{ runId: RUN, keep: false }]);
});
