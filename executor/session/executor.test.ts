import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { stopCall, testExecutor } from './session.fixture.ts';

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
