import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDaemonLog } from './log.ts';

function newFile(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-log-'));
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return { fd, read: () => readFileSync(path, 'utf8') };
}

test('JSON lines with time, level and msg; all are written when it is closed', async (t) => {
  const { fd, read } = newFile(t);
  const { log, close } = await openDaemonLog('info', fd, false);
  log.debug('not this');
  for (let n = 0; n < 2000; n += 1) log.info('counted', { n });
  log
    .with({ run: 'r' })
    .error('the end', { error: new Error('postgres://u:hunter2@h failed'), durationMs: 1.5 });
  await close();
  const lines = read()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 2001);
  assert.deepEqual(
    lines.slice(0, 2000).map(({ n }) => n),
    Array.from({ length: 2000 }, (_, n) => n),
  );
  const { time, ...last } = lines.at(-1);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 600_000 && time.endsWith('Z'));
  assert.deepEqual(last, {
    level: 'error',
    run: 'r',
    error: 'postgres://u:[hidden]@h failed',
    durationMs: 1.5,
    msg: 'the end',
  });
});

test('plain lines on a terminal', async (t) => {
  const { fd, read } = newFile(t);
  const { log, close } = await openDaemonLog('warn', fd, true);
  log.info('not this');
  log.warn('a session broke', { executor: 'e1' });
  await close();
  assert.match(read(), /^\d\d:\d\d:\d\d\.\d{3} warn {2}a session broke {2}executor=e1\n$/);
});
