import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSqliteStore } from './sqlite.ts';

const COMMITTER = fileURLToPath(new URL('fixtures/committer.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wiz-store-'));
const children: ChildProcess[] = [];
after(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a committer; `lines` grows as it prints. */
function start(path: string, count: number, size: number, shell: string = 'exec "$@"') {
  const argv = ['-c', shell, 'bash', process.execPath, COMMITTER, path, `${count}`, `${size}`];
  const child = spawn('bash', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  return { child, lines, output, ended: Promise.all([once(child, 'exit'), once(output, 'close')]) };
}

function sqlite(path: string): Promise<string> {
  const script = `const { DatabaseSync } = require('node:sqlite');
    console.log(new DatabaseSync(${JSON.stringify(path)}).prepare('PRAGMA integrity_check').get().integrity_check)`;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', script], (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    );
  });
}

describe('SQLite with several processes', () => {
  it('is made by two at once, and takes the commits of both', async () => {
    const path = join(folder, 'both', 'wiz.db');
    const two = [start(path, 60, 8), start(path, 60, 8), start(path, 60, 8)];
    await Promise.all(two.map(({ ended }) => ended));
    const store = await openSqliteStore(path);
    for (const { lines } of two) {
      assert.equal(lines.at(-1), '480');
      const events = await store.readEvents(lines[0]!, 0, 1_000);
      assert.deepEqual(
        events.map((event) => event.seq),
        Array.from({ length: 480 }, (_, i) => i + 1),
      );
    }
    await store.close();
  });

  it('loses nothing acknowledged when a process is killed while it commits', async () => {
    const path = join(folder, 'killed', 'wiz.db');
    for (const acknowledged of [1, 7, 40]) {
      const { child, lines, output, ended } = start(path, 0, 16);
      await new Promise<void>((resolve) => {
        output.on('line', () => lines.length > acknowledged && resolve());
      });
      child.kill('SIGKILL');
      await ended;
      const store = await openSqliteStore(path);
      const [runId, ...numbers] = lines;
      const row = await store.getRun(runId!);
      const events = await store.readEvents(runId!, 0, 1_000_000);
      assert.ok(row!.seq >= Number(numbers.at(-1)));
      assert.equal(events.length, row!.seq);
      assert.equal(events.at(-1)?.seq, row!.seq);
      await store.close();
      assert.equal(await sqlite(path), 'ok');
    }
  });

  it('refuses a commit that the disk has no room for, and keeps what was there', async () => {
    const path = join(folder, 'limited', 'wiz.db');
    // A file may have 1,000 KiB: what SQLite writes beyond is refused by the system.
    const { lines, ended } = start(path, 0, 400, 'ulimit -f 1000; exec "$@"');
    await ended;
    const [runId, ...numbers] = lines;
    const refusal = JSON.parse(numbers.pop()!);
    assert.match(refusal.code, /^(unavailable|resource_exhausted)$/);
    assert.ok(refusal.message.includes(path));
    const store = await openSqliteStore(path);
    assert.equal((await store.getRun(runId!))?.seq, Number(numbers.at(-1)));
    assert.equal((await store.readEvents(runId!, 0, 1_000_000)).length, Number(numbers.at(-1)));
    await store.close();
    assert.equal(await sqlite(path), 'ok');
  });
});
