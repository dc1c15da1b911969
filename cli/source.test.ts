import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readSource } from './source.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-source-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a file is read whole, and its folder is where paths start', async (t) => {
  const folder = folderFor(t);
  writeFileSync(join(folder, 'p.yaml'), 'name: a\n');
  const { content, baseDir } = await readSource(join(folder, 'p.yaml'));
  assert.deepEqual([Buffer.from(content).toString(), baseDir], ['name: a\n', folder]);
});

test('what is no file is refused by name', async (t) => {
  const folder = folderFor(t);
  const refused = { '': 'it is a folder', '/missing.yaml': 'there is no such file' };
  for (const [path, reason] of Object.entries(refused)) {
    await assert.rejects(readSource(folder + path), { message: `cannot read ${folder + path}: ${reason}` });
  }
  await assert.rejects(readSource('/dev/null'), { message: 'cannot read /dev/null: it is not a file' });
});

test('a named pipe is read to the end of a slow writer; one without a writer is refused', {
  skip: process.platform === 'win32',
}, async (t) => {
  const pipe = join(folderFor(t), 'p.yaml');
  execFileSync('mkfifo', [pipe]);
  const script = 'exec > "$0"; for n in 1 2 3; do head -c 50000 /dev/zero; sleep 0.05; done';
  const writer = spawn('sh', ['-c', script, pipe], { stdio: 'ignore' });
  t.after(() => writer.kill());
  assert.equal((await readSource(pipe)).content.length, 150_000);
  await assert.rejects(readSource(pipe), {
    message: `cannot read ${pipe}: it is a pipe that nobody writes to`,
  });
});
