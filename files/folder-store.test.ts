import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { conformance, hashesIn, problem, temporaryFolder } from './file-store.conformance.ts';
import { openFileStore } from './open-file-store.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const DAY_MS = 24 * 3_600_000;

async function openStore(t: TestContext) {
  const folder = await temporaryFolder(t);
  const root = join(folder, 'store');
  const again = () => openFileStore(`folder:${root}`, { environment: {} });
  return { folder, root, store: await again(), again };
}

conformance('folder', openStore);

/** A process of its own that has the store open as `store` and runs `script`; with `limit`, of the shell. */
function inProcess(t: TestContext, root: string, script: string, limit = ':') {
  const door = JSON.stringify(join(import.meta.dirname, 'open-file-store.ts'));
  const code = `const { openFileStore } = await import(${door});
    const store = await openFileStore(${JSON.stringify(`folder:${root}`)}, { environment: {} });
    ${script}`;
  const child = spawn(
    '/bin/sh',
    ['-c', `${limit}; exec "$0" --input-type=module -e "$1"`, process.execPath, code],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  child.stdout.setEncoding('utf8');
  return child;
}

test('a write through a placed file puts the object aside, and it is absent until it is made again', async (t) => {
  const { store, folder, root } = await openStore(t);
  const { hash } = await store.putBytes(Buffer.from('content'));
  const write = async () => {
    const path = join(folder, 'placed');
    await store.place(hash, path, { executable: false });
    await chmod(path, 0o644);
    await appendFile(path, '!');
    await rm(path);
  };
  await write();
  assert.equal(store.pathOf(hash), undefined);
  await assert.rejects(store.place(hash, join(folder, 'other'), { executable: false }), problem('mismatch'));
  assert.equal((await readdir(join(root, 'damaged'))).length, 1);
  assert.equal(await store.has(hash), undefined);
  // Who comes later is told why it is not there.
  await assert.rejects(store.readBytes(hash), problem('mismatch'));
  await assert.rejects(store.place(hash, join(folder, 'other'), { executable: false }), problem('mismatch'));
  assert.equal((await store.putBytes(Buffer.from('content'))).known, false);
  // To has, a damaged object is an absent one; to a put, one to be replaced.
  await write();
  assert.equal(await store.has(hash), undefined);
  assert.equal((await store.putBytes(Buffer.from('content'))).known, false);
  await write();
  assert.equal((await store.putBytes(Buffer.from('content'))).known, false);
  assert.equal((await store.readBytes(hash)).length, 7);

  const now = Date.now();
  await store.collect({ isReferred: () => true, beforeMs: now, nowMs: now + 8 * DAY_MS, dryRun: false });
  assert.deepEqual(await readdir(join(root, 'damaged')), []);
});

test('a placed file that was only touched does no harm, and is parted from the object', async (t) => {
  const { store, folder } = await openStore(t);
  const { hash } = await store.putBytes(Buffer.from('content'));
  const path = join(folder, 'placed');
  await store.place(hash, path, { executable: false });
  await chmod(path, 0o666);
  await utimes(path, 5, 5);
  assert.equal(await store.has(hash), 7);
  await writeFile(path, 'changed');
  assert.equal(Buffer.from(await store.readBytes(hash)).toString(), 'content');
});

test('content that changed without a trace is found when it is read', async (t) => {
  const { store } = await openStore(t);
  const { hash } = await store.putBytes(Buffer.from('content'));
  const path = store.pathOf(hash)!;
  const { atime, mtime } = await stat(path);
  await chmod(path, 0o644);
  await writeFile(path, 'CONTENT');
  await utimes(path, atime, mtime);
  await assert.rejects(store.readBytes(hash), problem('mismatch'));
  assert.equal(await store.has(hash), undefined);
});

test('who writes to a file after it was moved in is noticed', async (t) => {
  const { store, folder } = await openStore(t);
  await writeFile(join(folder, 'file'), 'content');
  const writer = await open(join(folder, 'file'), 'a');
  const { hash } = await store.putFile(join(folder, 'file'), { move: true });
  await writer.write('more');
  await writer.close();
  await assert.rejects(store.readBytes(hash), problem('mismatch'));
});

test('a file with two names is copied, so that the other one cannot change the object', async (t) => {
  const { store, folder } = await openStore(t);
  await writeFile(join(folder, 'file'), 'content');
  await link(join(folder, 'file'), join(folder, 'other'));
  const { hash } = await store.putFile(join(folder, 'file'), { move: true });
  await writeFile(join(folder, 'other'), 'changed');
  assert.equal(Buffer.from(await store.readBytes(hash)).toString(), 'content');
  // A placed file that a program leaves as its own output is a name of the object itself.
  await store.place(hash, join(folder, 'placed'), { executable: false });
  assert.equal((await store.putFile(join(folder, 'placed'), { move: true })).known, true);
  assert.deepEqual(await readdir(folder), ['other', 'store']);
  assert.equal((await store.readBytes(hash)).length, 7);
});

test('a killed writer leaves nothing to be seen, and what it left is removed after a day', async (t) => {
  const { store, root } = await openStore(t);
  const child = inProcess(
    t,
    root,
    `await store.putStream((async function* () {
       for (let i = 0; ; i++) {
         yield Buffer.alloc(100_000, i);
         if (i === 5) { console.log('writing'); await new Promise((resolve) => setTimeout(resolve, 60_000)); }
       }
     })());`,
  );
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal((await readdir(join(root, 'tmp'))).length, 1);
  assert.deepEqual(await hashesIn(store), []);
  const collect = (nowMs: number) =>
    store.collect({ isReferred: () => true, beforeMs: 0, nowMs, dryRun: false });
  await collect(Date.now());
  assert.equal((await readdir(join(root, 'tmp'))).length, 1);
  await collect(Date.now() + 2 * DAY_MS);
  assert.deepEqual(await readdir(join(root, 'tmp')), []);
});

test('a store that can take no more says so, and keeps nothing of it', async (t) => {
  const { store, root } = await openStore(t);
  const { hash } = await store.putBytes(Buffer.from('before'));
  // A limit on the size of files, in blocks of 512 bytes or of 1024, is as good as a full disk, and works for root.
  const child = inProcess(
    t,
    root,
    `const report = ({ problem }) => console.log(problem);
     await store.putBytes(Buffer.alloc(3_000_000, 1)).catch(report);
     await store.putStream((async function* () { for (let i = 0; i < 30; i++) yield Buffer.alloc(100_000, 1); })()).catch(report);
     console.log((await store.putBytes(Buffer.from('small'))).known);`,
    'ulimit -f 1000',
  );
  assert.deepEqual((await child.stdout.toArray()).join('').trim().split('\n'), ['full', 'full', 'false']);
  assert.deepEqual(await readdir(join(root, 'tmp')), []);
  assert.equal((await hashesIn(store)).length, 2);
  assert.equal((await store.readBytes(hash)).length, 6);
});

test('a store whose folder is gone or is no folder is unavailable, not empty', async (t) => {
  const { store, root, folder } = await openStore(t);
  const { hash } = await store.putBytes(Buffer.from('content'));
  await writeFile(join(folder, 'file'), 'x');
  await rename(root, `${root}-elsewhere`);
  const attempts = [
    () => store.has(hash),
    () => store.readBytes(hash),
    () => store.putBytes(Buffer.from('other')),
    () => store.putFile(join(folder, 'file'), { move: true }),
    () => store.putFile(join(folder, 'file'), { move: false }),
    () => store.place(hash, join(folder, 'placed'), { executable: false }),
    () => hashesIn(store),
    () => store.collect({ isReferred: () => false, beforeMs: 0, nowMs: 0, dryRun: false }),
  ];
  for (const attempt of attempts) await assert.rejects(attempt, problem('unavailable'));
  await writeFile(root, 'a file');
  for (const attempt of attempts) await assert.rejects(attempt, problem('unavailable'));
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'x');
  await rm(root);
  await rename(`${root}-elsewhere`, root);
  assert.equal(await store.has(hash), 7);
});

test('only a folder that is empty or a store becomes one', async (t) => {
  const folder = await temporaryFolder(t);
  const openIt = (path: string) => openFileStore(`folder:${path}`, { environment: {} });
  await writeFile(join(folder, 'letter.txt'), 'mine');
  await assert.rejects(openIt(folder), problem('unavailable'));
  assert.deepEqual(await readdir(folder), ['letter.txt']);
  await assert.rejects(openIt(join(folder, 'letter.txt')), problem('unavailable'));
  await mkdir(join(folder, 'strange'));
  await writeFile(join(folder, 'strange/id'), 'not mine');
  await assert.rejects(openIt(join(folder, 'strange')), problem('unavailable'));
  // Neither root nor anyone else can make folders here.
  await assert.rejects(openIt('/sys/wiz-files'), problem('read-only'));
  const stores = await Promise.all(Array.from({ length: 8 }, () => openIt(join(folder, 'new/store'))));
  assert.equal(new Set(stores.map(({ id }) => id)).size, 1);
});

test('askers, writers and collectors at once: what one holds is never gone', async (t) => {
  const { store, again } = await openStore(t);
  const other = await again();
  const content = (i: number) => Buffer.from(`object ${i}`);
  const asked = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(asked, async (numbers) => {
      const now = Date.now();
      // Everything is old at once, so the collectors mark all the time; nothing is an hour old, so nothing goes.
      const options = { isReferred: () => false, beforeMs: now + DAY_MS, nowMs: now, dryRun: false };
      await Promise.all(
        numbers.map(async (i) => {
          await Promise.all([store.collect(options), store.putBytes(content(i)), other.collect(options)]);
          const { hash } = await other.putBytes(content(i));
          assert.equal(Buffer.from(await store.readBytes(hash)).toString(), `object ${i}`);
        }),
      );
    }),
    { numRuns: 15 },
  );
});
