import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { drainCall, stopCall, testExecutor } from './session.fixture.ts';

test('stop without force refuses new work and ends with the last acknowledgement', async (t) => {
  const executor = await testExecutor(t);
  const { ended, program } = executor;
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('a');
  const a = await program('a');
  assert.equal((await stopCall(client, false)).runningAttempts, 1);
  manager.program('b');
  assert.equal((await manager.until(() => manager.refusals()[0])).reason, 'draining');
  a.end();
  await manager.report('a');
  manager.ack('a');
  await ended;
});

test('stop by force ends the work; that is not the fault of the program', async (t) => {
  const executor = await testExecutor(t, { slots: 1 });
  const { ended, program } = executor;
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('runs');
  manager.program('waits');
  await program('runs');
  await stopCall(client, true);
  for (const name of ['runs', 'waits']) {
    const { report } = await manager.report(name);
    assert.deepEqual([report.reason, report.failureClass], ['executor-stopped', FailureClass.PREEMPTED]);
    manager.ack(name);
  }
  await ended;
});

test('it ends when it is warm for too long, but not while a manager is there', async (t) => {
  const executor = await testExecutor(t, { warmMs: 30 });
  const { ended } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.call('s', 'sleep', { duration: '80ms' });
  await manager.report('s');
  manager.ack('s');
  await manager.end();
  await ended;
});

test('an orphan ends its work and itself', async (t) => {
  const executor = await testExecutor(t, {
    orphanMs: 30,
    logs: { windowBytes: 1, diskBytes: 0 },
  });
  const { ended, program } = executor;
  const manager = executor.manager();
  await manager.hello();
  manager.program('a');
  const a = await program('a');
  await manager.breakOff();
  a.log('nobody will read this\n');
  await ended;
  assert.deepEqual(a.cancelled, ['executor-stopped']);
  await a.waiting;
});

test('drain hands back what waits, finishes what runs, and ends when all of it is acknowledged', async (t) => {
  const executor = await testExecutor(t, { slots: 1 });
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('runs');
  manager.program('waits');
  const runs = await executor.program('runs');
  assert.equal((await drainCall(client)).runningAttempts, 2);
  const { report } = await manager.report('waits');
  assert.deepEqual([report.reason, report.failureClass], ['drained', FailureClass.PREEMPTED]);
  manager.ack('waits');
  await manager.until(() => manager.load()?.draining);
  assert.deepEqual(runs.cancelled, []);
  runs.end();
  await manager.report('runs');
  manager.ack('runs');
  await executor.ended;
});

test('a drain that is undone takes work again', async (t) => {
  const executor = await testExecutor(t);
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('a');
  await executor.program('a');
  await drainCall(client);
  await manager.until(() => manager.load()?.draining);
  await drainCall(client, true);
  await manager.until(() => manager.load()?.draining === false);
  manager.program('b');
  await executor.program('b');
});

test('a drain with a time ends what is left then, and is not undone by a manager', async (t) => {
  const executor = await testExecutor(t);
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('a');
  const a = await executor.program('a');
  executor.drain(30);
  await drainCall(client, true);
  const { report } = await manager.report('a');
  assert.deepEqual([report.reason, report.failureClass], ['executor-stopped', FailureClass.PREEMPTED]);
  assert.deepEqual(a.cancelled, ['executor-stopped']);
  manager.ack('a');
  await executor.ended;
});

test('a draining executor that no manager calls is an orphan like any other', async (t) => {
  const executor = await testExecutor(t, { orphanMs: 30 });
  const client = executor.client();
  const manager = executor.manager(client);
  await manager.hello();
  manager.program('a');
  await executor.program('a');
  await drainCall(client);
  await manager.breakOff();
  await executor.ended;
});
