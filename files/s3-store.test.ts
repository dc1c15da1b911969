import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  conformance,
  hashesIn,
  problem,
  sha256,
  streamOf,
  temporaryFolder,
} from './file-store.conformance.ts';
import type { FileStore } from './file-store.ts';
import { openFileStore } from './open-file-store.ts';
import { ACCESS_KEY, BUCKET, type Faults, S3Server } from './s3-server.fixture.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const MINUTE_MS = 60_000;
const LARGE = randomBytes(30 * 1024 * 1024 + 5);
const CREDENTIALS = { AWS_ACCESS_KEY_ID: ACCESS_KEY, AWS_SECRET_ACCESS_KEY: 'secret' };

async function openServer(t: TestContext, faults: Partial<Faults> = {}) {
  const server = new S3Server();
  Object.assign(server.faults, faults);
  const endpoint = await server.listen();
  t.after(() => server.close());
  const spool = await temporaryFolder(t);
  const open = async (prefix = 'some/prefix'): Promise<FileStore> => {
    const address = `s3://${BUCKET}/${prefix}?endpoint=${endpoint}&region=test&pathStyle=true`;
    const store = await openFileStore(address, { environment: { ...CREDENTIALS, TMPDIR: spool } });
    t.after(() => store.close());
    return store;
  };
  return { server, endpoint, spool, open };
}

conformance('s3', async (t) => {
  const { server, open } = await openServer(t);
  server.pageSize = 3;
  return { store: await open(), again: open };
});

const accidents: Record<string, Partial<Faults>> = {
  'drops every third request': { dropEvery: 3 },
  'loses every third answer': { loseAnswerEvery: 3 },
  'breaks every second content': { truncateEvery: 2 },
  'is busy every fifth time': { busyEvery: 5 },
};
for (const [name, faults] of Object.entries(accidents)) {
  test(`an endpoint that ${name} works`, async (t) => {
    const { server, open, spool } = await openServer(t, faults);
    const store = await open();
    const { hash } = await store.putStream(streamOf(LARGE.subarray(0, 999), LARGE.subarray(999)));
    assert.equal(hash, sha256(LARGE));
    const small = await store.putBytes(Buffer.from('small'));
    assert.ok(LARGE.equals(await buffer(await store.read(hash))));
    assert.ok(LARGE.subarray(7_000_000).equals(await buffer(await store.read(hash, 7_000_000))));
    assert.equal(Buffer.from(await store.readBytes(small.hash)).toString(), 'small');
    await store.place(hash, join(spool, 'placed'), { executable: false });
    assert.deepEqual(await hashesIn(store), [hash, small.hash].sort());
    assert.deepEqual(await readdir(spool), ['placed']);
    // One that was begun twice, because the first answer was lost, is aborted a day later.
    const nowMs = Date.now() + 48 * 60 * MINUTE_MS;
    await store.collect({ isReferred: () => true, beforeMs: 0, nowMs, dryRun: false });
    assert.equal(server.uploads.size, 0);
  });
}

test('a server that is gone, forbids, or is full is told by its problem', async (t) => {
  const { server, open, endpoint } = await openServer(t);
  const store = await open();
  const { hash } = await store.putBytes(Buffer.from('x'));
  server.faults.readOnly = true;
  await assert.rejects(store.putBytes(Buffer.from('y')), problem('read-only'));
  await assert.rejects(store.putStream(streamOf(LARGE)), problem('read-only'));
  assert.equal((await store.readBytes(hash)).length, 1);
  // Who may only read can also use what is old.
  server.age(/./, 90 * MINUTE_MS);
  assert.equal(await store.has(hash), 1);
  Object.assign(server.faults, { readOnly: false, full: true });
  await assert.rejects(store.putBytes(Buffer.from('y')), problem('full'));
  await assert.rejects(store.putStream(streamOf(LARGE)), problem('full'));
  assert.deepEqual(await hashesIn(store), [hash]);

  const environment = { ...CREDENTIALS };
  await assert.rejects(
    openFileStore(`s3://other-bucket?endpoint=${endpoint}&pathStyle=true`, { environment }),
    problem('unavailable'),
  );
  await assert.rejects(
    openFileStore(`s3://${BUCKET}?endpoint=${endpoint}&pathStyle=true`, {
      environment: { ...CREDENTIALS, AWS_ACCESS_KEY_ID: 'wrong' },
    }),
    problem('unavailable'),
  );
  await server.close();
  await assert.rejects(store.has(hash), problem('unavailable'));
});

test('content that the server damaged is a mismatch, and is made again', async (t) => {
  const { server, open } = await openServer(t);
  const store = await open();
  const { hash } = await store.putBytes(Buffer.from('right'));
  const [key] = [...server.objects.keys()].filter((one) => one.includes(hash));
  server.objects.get(key!)!.body = Buffer.from('wrong');
  await assert.rejects(store.readBytes(hash), problem('mismatch'));
  assert.equal(await store.has(hash), undefined);
  assert.equal((await store.putBytes(Buffer.from('right'))).known, false);
  assert.equal(Buffer.from(await store.readBytes(hash)).toString(), 'right');
});

test('stores under two prefixes of a bucket are two; openings of a new one at once agree', async (t) => {
  const { open } = await openServer(t);
  const stores = await Promise.all([open('a'), open('a'), open('a'), open('b'), open('')]);
  const ids = stores.map(({ id }) => id);
  assert.equal(new Set(ids.slice(0, 3)).size, 1);
  assert.equal(new Set(ids).size, 3);
  const { hash } = await stores[0]!.putBytes(Buffer.from('x'));
  assert.equal(await stores[1]!.has(hash), 1);
  assert.equal(await stores[3]!.has(hash), undefined);
});

test('an upload that may be deleted any moment is absent, and the next has another key', async (t) => {
  const { server, open } = await openServer(t);
  const store = await open();
  const content = Buffer.from('content');
  const { hash } = await store.putBytes(content);
  const collect = (nowMs: number, beforeMs = nowMs) =>
    store.collect({ isReferred: () => false, beforeMs, nowMs, dryRun: false });
  await collect(Date.now() + 90 * MINUTE_MS);

  // The collector that will delete it has looked already: it is late, and everything is older than it was.
  const snapshot = [...server.objects.keys()].filter((key) => /objects\/[^.]+\.[^.]+$/.test(key));
  server.age(/./, 50 * MINUTE_MS);
  assert.equal(await store.has(hash), undefined);
  assert.equal(await store.has(hash), undefined);
  assert.equal((await store.putBytes(content)).known, false);
  for (const key of snapshot) server.objects.delete(key);
  assert.ok(content.equals(await store.readBytes(hash)));

  // What is left of the old one is cleared away, and the new one stays.
  const now = Date.now();
  await collect(now, now - 1);
  await collect(now, now - 1);
  assert.equal((await hashesIn(store)).length, 1);
  assert.equal([...server.objects.keys()].filter((key) => key.includes('marked')).length, 0);
});

test('of two uploads of one object, one is collected though it is referred to', async (t) => {
  const { server, open } = await openServer(t);
  const store = await open();
  const { hash } = await store.putBytes(Buffer.from('twice'));
  const [key, kept] = [...server.objects].find(([one]) => one.includes(hash))!;
  server.objects.set(`${key.slice(0, -16)}${'f'.repeat(16)}`, { ...kept });
  const now = Date.now();
  const collect = (nowMs: number) =>
    store.collect({ isReferred: () => true, beforeMs: nowMs, nowMs, dryRun: false });
  assert.deepEqual(await collect(now + 60 * MINUTE_MS), { marked: 1, deleted: 0, bytes: 0 });
  assert.deepEqual(await collect(now + 180 * MINUTE_MS), { marked: 0, deleted: 1, bytes: 5 });
  assert.deepEqual(await hashesIn(store), [hash]);
  assert.equal((await store.readBytes(hash)).length, 5);
});

test('uploads that were begun and never ended are aborted after a day', async (t) => {
  const { server, open } = await openServer(t);
  const store = await open();
  server.uploads.set('left', { key: 'some/prefix/objects/x', parts: new Map(), startedMs: Date.now() });
  const collect = (days: number) =>
    store.collect({
      isReferred: () => true,
      beforeMs: 0,
      nowMs: Date.now() + days * 24 * 60 * MINUTE_MS,
      dryRun: false,
    });
  await collect(0);
  assert.equal(server.uploads.size, 1);
  await collect(2);
  assert.equal(server.uploads.size, 0);
});
