import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { endMarkedProcesses, newMark } from './leaks.ts';

test('processes that tests left are found, named and ended', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'leaks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const mark = newMark(folder);
  const start = (program: string, args: string[], options: object) =>
    once(spawn(program, args, { detached: true, stdio: 'ignore', ...options }), 'exit');
  const left = [
    start('sleep', ['1001'], { env: { ...process.env, ...mark.environment } }),
    start('sleep', ['1002'], { env: {}, cwd: folder }),
    start('tail', ['-f', join(folder, 'log'), '/dev/null'], { env: {}, cwd: '/' }),
  ];
  // One that ends by itself within the grace is none.
  const ending = start('sleep', ['0.2'], { env: { ...process.env, ...mark.environment } });

  const found = (await endMarkedProcesses(mark, 1_000)).map((line) => line.replace(/^\d+ in /, '')).sort();
  assert.deepEqual(
    found,
    [`/: tail -f ${folder}/log /dev/null`, `${folder}: sleep 1002`, `${process.cwd()}: sleep 1001`].sort(),
  );
  assert.deepEqual(await Promise.all(left), Array(3).fill([null, 'SIGKILL']));
  assert.deepEqual(await ending, [0, null]);
  assert.deepEqual(await endMarkedProcesses(mark, 0), []);
});
