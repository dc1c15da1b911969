import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FileStamp } from '../store/store.ts';
import { createFileHashes, UnsteadyFile } from './file-hashes.ts';
import { MemoryStore } from './memory.fixture.ts';

/** A file that nobody has written for longer than 2 s: Node itself. */
const OLD = process.execPath;
const oldHash = createHash('sha256').update(readFileSync(OLD)).digest('hex');

function hashesOn(store: MemoryStore) {
  return createFileHashes(store, (message) => assert.fail(message));
}

test('a file is read once; its stamp stands for it in this process and in the store', async () => {
  const store = new MemoryStore();
  const hashes = hashesOn(store);
  assert.equal(await hashes.look().hashOf(OLD), oldHash);
  assert.equal(hashes.look().hashOf(OLD), oldHash, 'at once, and not as a promise');
  await new Promise(setImmediate);
  const stamp = store.stamps.get(OLD)!;
  assert.equal(stamp.hash, oldHash);

  // What the store says is believed as long as the file looks the same.
  const marked: FileStamp = { ...stamp, hash: 'f'.repeat(64) };
  store.stamps.set(OLD, marked);
  assert.equal(await hashesOn(store).look().hashOf(OLD), marked.hash);
  for (const change of [{ size: stamp.size + 1 }, { mtimeNs: '1' }, { ctimeNs: '1' }, { inode: '1' }]) {
    store.stamps.set(OLD, { ...marked, ...change });
    assert.equal(await hashesOn(store).look().hashOf(OLD), oldHash, JSON.stringify(change));
  }
});

test('a file that was written just now is read each time, as it may change without looking different', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-hashes-'));
  try {
    const path = join(folder, 'young');
    writeFileSync(path, 'one');
    const store = new MemoryStore();
    const hashes = hashesOn(store);
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    const lie = 'f'.repeat(64);
    const times = { mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), inode: String(ino) };
    store.stamps.set(path, { path, size: Number(size), ...times, hash: lie });
    assert.notEqual(await hashes.look().hashOf(path), lie);
    const again = hashes.look().hashOf(path);
    assert.ok(again instanceof Promise);
    await again;
    assert.equal(store.stamps.get(path)!.hash, lie, 'nor is its stamp kept');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what is no regular file has no hash', async () => {
  const look = hashesOn(new MemoryStore()).look();
  assert.equal(await look.hashOf(tmpdir()), undefined);
  assert.equal(await look.hashOf('/no/such/file'), undefined);
  assert.equal(await look.hashOf('/dev/null'), undefined);
  assert.equal(await look.hashOf(`${OLD}/inside`), undefined);
});

test('a file that changes while it is read has no hash, and says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-hashes-'));
  try {
    const path = join(folder, 'growing');
    writeFileSync(path, Buffer.alloc(32 * 1024 * 1024));
    const reading = Promise.resolve(hashesOn(new MemoryStore()).look().hashOf(path));
    let over = false;
    const rejected = assert
      .rejects(
        reading,
        (error) => error instanceof UnsteadyFile && error.message === `${path} changed while it was read`,
      )
      .finally(() => {
        over = true;
      });
    while (!over) {
      appendFileSync(path, 'more');
      await new Promise(setImmediate);
    }
    await rejected;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
