import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { openFolderStore } from '../../files/folder-store.ts';
import { putFolder } from '../../files/put-folder.ts';
import { FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { collectOnce } from './collect-unused.ts';

const HOUR_MS = 3_600_000;

test('what no held attempt left goes two hours after it was used; folders stay whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-unused-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = await openFolderStore(join(folder, 'store'));
  mkdirSync(join(folder, 'left/sub'), { recursive: true });
  writeFileSync(join(folder, 'left/sub/file'), 'in a folder');
  const left = await putFolder(store, join(folder, 'left'), { move: true });
  const held = [
    create(FileSchema, { hash: left.hash, folder: true }),
    create(FileSchema, { hash: (await store.putBytes(Buffer.from('held'))).hash }),
  ];
  const { hash: used } = await store.putBytes(Buffer.from('used'));
  const hashes = async () => {
    const found: string[] = [];
    for await (const { hash } of store.list()) found.push(hash);
    return found;
  };
  const now = Date.now();
  await collectOnce(store, held, now);
  assert.equal((await hashes()).length, 5);
  await collectOnce(store, held, now + 1.5 * HOUR_MS);
  assert.equal((await hashes()).length, 4);
  assert.ok(!(await hashes()).includes(used));
  await collectOnce(store, held, now + 9 * HOUR_MS);
  assert.equal((await hashes()).length, 4);
  assert.equal(await store.has(used), undefined);
  // Acknowledged.
  await collectOnce(store, [], now + 10 * HOUR_MS);
  assert.deepEqual(await hashes(), []);
});
