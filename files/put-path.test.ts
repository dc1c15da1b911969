import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mediaTypeOf } from '../proto/media-type.ts';
import { problem, sha256, temporaryFolder } from './file-store.conformance.ts';
import { openFileStore } from './open-file-store.ts';
import { putPath } from './put-path.ts';

test('a path is a file or a folder, and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await openFileStore(`folder:${join(folder, 'store')}`, { environment: {} });
  const at = (name: string) => join(folder, name);
  await writeFile(at('report.html'), '<p>');
  await mkdir(at('plots'));
  await writeFile(at('plots/a.png'), 'png');
  await symlink('report.html', at('link'));
  const hash = sha256(Buffer.from('<p>'));
  const stored = { hash, size: 3, folder: false, mediaType: 'text/html' };
  assert.deepEqual(await putPath(store, at('report.html'), { move: true }), stored);
  const { hash: tree, ...rest } = await putPath(store, at('plots'), { move: true });
  assert.deepEqual(rest, { size: 3, folder: true, mediaType: '' });
  assert.ok(await store.has(tree));
  await assert.rejects(putPath(store, at('link'), { move: false }), problem('unsafe'));
  await assert.rejects(putPath(store, '/dev/zero', { move: false }), problem('unsafe'));
  await assert.rejects(putPath(store, at('report.html'), { move: false }), problem('absent'));
  await assert.rejects(putPath(store, `${at('x')}\0.png`, { move: false }), problem('unsafe'));
  assert.deepEqual((await readdir(folder)).sort(), ['link', 'store']);
});

test('media types by name', () => {
  const types = [
    'a.png',
    'A.PNG',
    'x.tar.gz',
    'x.csv',
    'x.json',
    'x.md',
    'csv',
    'Makefile',
    'v1.2/csv',
    '.json',
    '',
  ].map(mediaTypeOf);
  const unknown = 'application/octet-stream';
  assert.deepEqual(types, [
    'image/png',
    'image/png',
    'application/gzip',
    'text/csv',
    'application/json',
    'text/markdown',
    unknown,
    unknown,
    unknown,
    unknown,
    unknown,
  ]);
});
