/** What every file store does; run on each by its own tests. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type FileStore, FileStoreError, type FileStoreProblem } from './file-store.ts';

const HOUR_MS = 3_600_000;
/** Several chunks, and several parts of an upload. */
const LARGE = randomBytes(20 * 1024 * 1024 + 17);
const NEVER = '0'.repeat(64);

export interface Opened {
  store: FileStore;
  /** Opens it once more, as another process would. */
  again(): Promise<FileStore>;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const problem =
  (name: FileStoreProblem) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FileStoreError, `${error} is no FileStoreError`);
    assert.equal(error.problem, name, error.message);
    return true;
  };

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wiz-files-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function hashesIn(store: FileStore): Promise<string[]> {
  const hashes: string[] = [];
  for await (const { hash } of store.list()) hashes.push(hash);
  return hashes.sort();
}

export async function* streamOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}

export function conformance(name: string, openStore: (t: TestContext) => Promise<Opened>): void {
  const check = (what: string, work: (t: TestContext, opened: Opened) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => work(t, await openStore(t)));

  check('content comes back as it was, however it was put and is read', async (t, { store }) => {
    const folder = await temporaryFolder(t);
    for (const content of [Buffer.alloc(0), Buffer.from('héllo 🎉\n'), LARGE]) {
      const hash = sha256(content);
      const size = content.length;
      await writeFile(join(folder, 'file'), content);
      const third = Math.floor(size / 3);
      const chunks = streamOf(content.subarray(0, third), content.subarray(third));
      assert.equal(await store.has(hash), undefined);
      assert.deepEqual(await store.putStream(chunks, hash), { hash, size, known: false });
      assert.deepEqual(await store.putBytes(content), { hash, size, known: true });
      assert.deepEqual(await store.putFile(join(folder, 'file'), { move: false }), {
        hash,
        size,
        known: true,
      });
      assert.equal(await store.has(hash), size);
      assert.ok(content.equals(await store.readBytes(hash)));
      assert.ok(content.equals(await buffer(await store.read(hash))));
      assert.ok(content.subarray(third).equals(await buffer(await store.read(hash, third))));
      assert.equal((await buffer(await store.read(hash, size))).length, 0);
      await assert.rejects(store.read(hash, size + 1), problem('mismatch'));
      const path = store.pathOf(hash);
      if (path !== undefined) assert.ok(content.equals(await readFile(path)));
    }
  });

  check('another opening sees the same store', async (_t, { store, again }) => {
    const { hash } = await store.putBytes(Buffer.from('shared'));
    const other = await again();
    assert.equal(other.id, store.id);
    assert.equal(Buffer.from(await other.readBytes(hash)).toString(), 'shared');
    await other.close();
  });

  check('a file is moved or stays, as asked', async (t, { store }) => {
    const folder = await temporaryFolder(t);
    for (const move of [false, true]) {
      const content = Buffer.from(`move ${move}`);
      await writeFile(join(folder, 'file'), content, { mode: 0o755 });
      const { hash } = await store.putFile(join(folder, 'file'), { move });
      assert.equal(hash, sha256(content));
      assert.deepEqual(await readdir(folder), move ? [] : ['file']);
      assert.ok(content.equals(await store.readBytes(hash)));
    }
    // Known already, and moved all the same.
    await writeFile(join(folder, 'file'), 'move true');
    assert.equal((await store.putFile(join(folder, 'file'), { move: true })).known, true);
    assert.deepEqual(await readdir(folder), []);
  });

  check('what is not as promised is not stored', async (_t, { store }) => {
    await assert.rejects(store.putStream(streamOf(Buffer.from('other')), NEVER), problem('mismatch'));
    async function* breaking() {
      yield Buffer.from('begun');
      throw new Error('the peer is gone');
    }
    await assert.rejects(store.putStream(breaking()), /the peer is gone/);
    assert.deepEqual(await hashesIn(store), []);
  });

  check('absent objects and hashes that are none', async (t, { store }) => {
    const folder = await temporaryFolder(t);
    assert.equal(await store.has(NEVER), undefined);
    assert.equal(store.pathOf(NEVER), undefined);
    await assert.rejects(store.read(NEVER), problem('absent'));
    await assert.rejects(store.readBytes(NEVER), problem('absent'));
    await assert.rejects(store.place(NEVER, join(folder, 'x'), { executable: false }), problem('absent'));
    assert.deepEqual(await readdir(folder), []);
    for (const bad of [
      '',
      '../../../../etc/passwd',
      NEVER.slice(1),
      'A'.repeat(64),
      `${NEVER}\n`,
      `${NEVER}\0`,
    ]) {
      await assert.rejects(store.has(bad), problem('unsafe'));
      await assert.rejects(store.read(bad), problem('unsafe'));
      await assert.rejects(store.place(bad, join(folder, 'x'), { executable: false }), problem('unsafe'));
      assert.throws(() => store.pathOf(bad), problem('unsafe'));
    }
  });

  check('what is too large to be read whole is not', async (_t, { store }) => {
    const { hash } = await store.putBytes(Buffer.from('12345'));
    await assert.rejects(store.readBytes(hash, 4), problem('too-large'));
    assert.equal((await store.readBytes(hash, 5)).length, 5);
  });

  check(
    'placed files have the content, cannot be written, and replace what was there',
    async (t, { store }) => {
      const folder = await temporaryFolder(t);
      const { hash } = await store.putBytes(Buffer.from('#!/bin/sh\necho placed\n'));
      for (const executable of [false, true, true, false, false]) {
        const path = join(folder, 'file');
        await store.place(hash, path, { executable });
        assert.equal((await stat(path)).mode & 0o777, executable ? 0o555 : 0o444);
        assert.equal(await readFile(path, 'utf8'), '#!/bin/sh\necho placed\n');
        if (executable) assert.equal(execFileSync(path, { encoding: 'utf8' }), 'placed\n');
        assert.deepEqual(await readdir(folder), ['file']);
      }
      await assert.rejects(
        store.place(hash, join(folder, 'no', 'file'), { executable: false }),
        FileStoreError,
      );
      await mkdir(join(folder, 'sub/full'), { recursive: true });
      await assert.rejects(store.place(hash, join(folder, 'sub'), { executable: false }), FileStoreError);
      assert.deepEqual((await readdir(folder)).sort(), ['file', 'sub']);
    },
  );

  check('wrong content is never read, whatever a program does to a placed file', async (t, { store }) => {
    const path = join(await temporaryFolder(t), 'file');
    const content = Buffer.from('what it was');
    const { hash } = await store.putBytes(content);
    await store.place(hash, path, { executable: false });
    await chmod(path, 0o644);
    await writeFile(path, 'written to!');
    const read = await store.readBytes(hash).catch((error) => {
      problem('mismatch')(error);
      return undefined;
    });
    if (read) assert.ok(content.equals(read));
    await store.putBytes(content);
    assert.ok(content.equals(await store.readBytes(hash)));
  });

  for (const move of [false, true]) {
    check(
      `a file that is written while it is ${move ? 'moved' : 'copied'} is not stored`,
      async (t, { store }) => {
        const folder = await temporaryFolder(t);
        const path = join(folder, 'file');
        await writeFile(path, LARGE);
        const writer = await open(path, 'r+');
        let putting = true;
        const put = store.putFile(path, { move }).finally(() => {
          putting = false;
        });
        put.catch(() => undefined);
        for (let i = 0; putting; i++) await writer.write(Buffer.from([i]), 0, 1, (i * 65_537) % LARGE.length);
        await writer.close();
        await assert.rejects(put, problem('changed'));
        assert.deepEqual(await readdir(folder), ['file']);
        assert.equal((await stat(path)).mode & 0o777, 0o644 & ~process.umask());
        assert.deepEqual(await hashesIn(store), []);
      },
    );
  }

  check('only regular files are taken', async (t, { store }) => {
    const folder = await temporaryFolder(t);
    const at = (file: string) => join(folder, file);
    await writeFile(at('file'), 'x');
    await mkdir(at('folder'));
    await symlink('file', at('link'));
    execFileSync('mkfifo', [at('pipe')]);
    const server = createServer().listen(at('socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    t.after(() => server.close());
    for (const path of [at('folder'), at('link'), at('pipe'), at('socket'), '/dev/null', at('a\0b')]) {
      for (const move of [false, true])
        await assert.rejects(store.putFile(path, { move }), problem('unsafe'));
    }
    await assert.rejects(store.putFile(at('missing'), { move: true }), problem('absent'));
    assert.deepEqual((await readdir(folder)).sort(), ['file', 'folder', 'link', 'pipe', 'socket']);
  });

  check('collects what nothing refers to, an hour after it was marked', async (_t, { store }) => {
    const put = async (text: string) => (await store.putBytes(Buffer.from(text))).hash;
    const [referred, asked, again, gone] = [
      await put('referred'),
      await put('asked'),
      await put('again'),
      await put('gone'),
    ];
    const now = Date.now();
    const options = { isReferred: (hash: string) => hash === referred, beforeMs: now + HOUR_MS };
    const collect = (hours: number, more = {}) =>
      store.collect({ ...options, nowMs: now + hours * HOUR_MS, dryRun: false, ...more });

    assert.deepEqual(await collect(0, { beforeMs: now - HOUR_MS }), { marked: 0, deleted: 0, bytes: 0 });
    assert.deepEqual(await collect(0, { dryRun: true }), { marked: 3, deleted: 0, bytes: 0 });
    assert.equal((await hashesIn(store)).length, 4);
    assert.deepEqual(await collect(0), { marked: 3, deleted: 0, bytes: 0 });
    assert.deepEqual(await hashesIn(store), [referred]);
    assert.deepEqual(await collect(0.5), { marked: 0, deleted: 0, bytes: 0 });
    // To ask for a marked one, or to put it again, makes it whole.
    assert.equal(await store.has(asked), 5);
    assert.equal((await store.putBytes(Buffer.from('again'))).known, true);
    assert.deepEqual(await collect(2, { dryRun: true, beforeMs: now - HOUR_MS }), {
      marked: 0,
      deleted: 1,
      bytes: 4,
    });
    assert.deepEqual(await collect(2, { beforeMs: now - HOUR_MS }), { marked: 0, deleted: 1, bytes: 4 });
    assert.deepEqual(await hashesIn(store), [referred, asked, again].sort());
    assert.equal(await store.has(gone), undefined);
    // Referred to after it was marked: it is whole again, however late.
    assert.equal((await collect(2)).marked, 2);
    assert.deepEqual(await collect(9, { isReferred: () => true }), { marked: 0, deleted: 0, bytes: 0 });
    assert.deepEqual(await hashesIn(store), [referred, asked, again].sort());
  });

  check('a reader that stops early leaves no file open', async (_t, { store }) => {
    const { hash } = await store.putBytes(LARGE);
    const openFiles = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
    const before = await openFiles();
    for (let i = 0; i < 5; i++) {
      const content = await store.read(hash);
      for await (const chunk of content) {
        assert.ok(chunk.length < LARGE.length, 'content comes in pieces');
        break;
      }
      assert.ok(content.destroyed);
    }
    const deadline = Date.now() + 5_000;
    // Connections of S3 may stay for the next request.
    const allowed = before + (store.kind === 's3' ? 10 : 0);
    while ((await openFiles()) > allowed && Date.now() < deadline) await new Promise(setImmediate);
    assert.ok((await openFiles()) <= allowed);
  });

  check('puts of the same and of different content at once', async (t, { store, again }) => {
    const folder = await temporaryFolder(t);
    const other = await again();
    const content = fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes));
    const step = fc.record({
      content,
      way: fc.constantFrom('bytes', 'stream', 'copy', 'move'),
      second: fc.boolean(),
    });
    let files = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await Promise.all(
          steps.map(async ({ content, way, second }) => {
            const target = second ? other : store;
            const path = join(folder, String(files++));
            if (way === 'copy' || way === 'move') await writeFile(path, content);
            const { hash } = await (way === 'bytes'
              ? target.putBytes(content)
              : way === 'stream'
                ? target.putStream(streamOf(content))
                : target.putFile(path, { move: way === 'move' }));
            assert.equal(hash, sha256(content));
            assert.ok(content.equals(await store.readBytes(hash)));
          }),
        );
        const whole = new Set(await hashesIn(store));
        assert.ok(steps.every(({ content }) => whole.has(sha256(content))));
      }),
      { numRuns: 20 },
    );
    await other.close();
  });
}
