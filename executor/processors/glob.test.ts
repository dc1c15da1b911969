import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { call, temporaryFolder } from './processors.fixture.ts';

function folder(t: TestContext): string {
  const root = temporaryFolder(t);
  for (const path of ['b.json', 'a.json', 'c.txt', 'sub/d.json', 'sub/deep/e.json', '.hidden/f.json']) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  return root;
}

test('lists what matches, sorted', async (t) => {
  const workdir = folder(t);
  const { output } = await call('glob', { patterns: '**/*.json' }, { workdir });
  assert.deepEqual(output, { files: ['a.json', 'b.json', 'sub/d.json', 'sub/deep/e.json'], count: 4 });
});

test('root, ignore, several patterns, hidden files, folders, absolute paths', async (t) => {
  const workdir = folder(t);
  const files = async (options: object) =>
    ((await call('glob', options, { workdir })).output as { files: string[] }).files;
  assert.deepEqual(await files({ patterns: ['*.json'], root: 'sub' }), ['d.json']);
  assert.deepEqual(await files({ patterns: ['*.json', '*.txt'], ignore: ['b*'] }), ['a.json', 'c.txt']);
  assert.deepEqual(await files({ patterns: ['*.json', '!a*'] }), ['b.json']);
  assert.deepEqual(await files({ patterns: '**/f.json', dot: true }), ['.hidden/f.json']);
  assert.deepEqual(await files({ patterns: '*', directories: true }), ['sub/']);
  assert.deepEqual(await files({ patterns: 'c.*', absolute: true }), [join(workdir, 'c.txt')]);
});

test('lists at most limit, and counts all', async (t) => {
  const { output } = await call('glob', { patterns: '**/*.json', limit: 1 }, { workdir: folder(t) });
  assert.deepEqual(output, { files: ['a.json'], count: 4 });
});

test('nothing found is a result; a missing root is not', async (t) => {
  const workdir = folder(t);
  assert.deepEqual((await call('glob', { patterns: '*.xml' }, { workdir })).output, { files: [], count: 0 });
  const { report } = await call('glob', { patterns: '*', root: 'gone' }, { workdir });
  assert.equal(report.reason, 'not-found');
  assert.match(report.message, /gone is not a folder/);
});

test('wrong options', async () => {
  for (const options of [{}, { patterns: [] }, { patterns: 'x', limit: 0 }, { patterns: 'x', rot: '.' }]) {
    assert.equal((await call('glob', options)).report.reason, 'bad-options', JSON.stringify(options));
  }
});
