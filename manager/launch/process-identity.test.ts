import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isSameProcess, processStart } from './process-identity.ts';

test('a process is itself until it ends, and no other start is it', async () => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const pid = child.pid!;
  const start = processStart(pid);
  assert.equal(isSameProcess(pid, start), true);
  assert.equal(isSameProcess(pid, 0), true, 'an unknown start leaves the pid');
  if (process.platform === 'linux') assert.equal(isSameProcess(pid, start + 1), false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(isSameProcess(pid, start), false);
  assert.equal(processStart(pid), 0);
});

test('a zombie is not alive', { skip: process.platform !== 'linux' }, async (t) => {
  // The child of a shell that became a sleep: nobody waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60']);
  t.after(() => parent.kill('SIGKILL'));
  const [text] = await once(parent.stdout, 'data');
  const pid = Number(text);
  for (const deadline = Date.now() + 5000; isSameProcess(pid, 0); ) {
    assert.ok(Date.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.notEqual(processStart(pid), 0, 'it still has its pid');
});

test('no pid is no process', () => {
  assert.equal(isSameProcess(0, 0), false);
  assert.equal(isSameProcess(-1, 0), false);
});
