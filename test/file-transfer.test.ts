/** Files between a manager and an executor that do not share a store: the manager's end against the executor's. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createFileExchange, type FileExchange } from '../executor/files/file-exchange.ts';
import { serve } from '../executor/session/server.ts';
import { type FileStore, FileStoreError } from '../files/file-store.ts';
import { openFolderStore } from '../files/folder-store.ts';
import { putFolder } from '../files/put-folder.ts';
import { listTree } from '../files/tree-walk.ts';
import { openFileCalls } from '../manager/dispatch/file-calls.ts';
import { createFileTransfer } from '../manager/dispatch/file-transfer.ts';
import { DataSchema, FileSchema } from '../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  Outcome,
  type Report,
  ReportSchema,
  type RunReports,
  RunReportsSchema,
} from '../proto/gen/wiz/v1/executors_pb.js';
import { silentLog } from '../proto/log.ts';

const TOKEN = 'a-token';
const NEVER = '0'.repeat(64);
const MB = 1_000_000;

type ReportInit = MessageInitShape<typeof ReportSchema>;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-transfer-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Settings {
  /** The executor's files as the manager sees them. */
  files?(exchange: FileExchange): Pick<FileExchange, 'read' | 'receive'>;
  /** The manager's store as it is used. */
  store?(store: FileStore): FileStore;
  /** Where the executor is reached, instead of where it listens. */
  by?(address: string): Promise<string>;
}

/** One executor and one manager, each with a store, and what the manager has passed on. */
async function place(t: TestContext, settings: Settings = {}) {
  const folder = temporaryFolder(t);
  const unasked = () => assert.fail('not asked here');
  const theirs = await openFolderStore(join(folder, 'executor'));
  const ours = await openFolderStore(join(folder, 'manager'));
  const exchange = createFileExchange(theirs);
  const server = await serve({
    address: '127.0.0.1:0',
    token: TOKEN,
    describe: () => Promise.reject(new Error('not asked here')),
    ...{ stop: unasked, drain: unasked, session: unasked },
    files: settings.files?.(exchange) ?? exchange,
  });
  const passed: Report[] = [];
  const troubles: (string | undefined)[] = [];
  const absent: string[] = [];
  const transfer = createFileTransfer({
    store: settings.store?.(ours) ?? ours,
    open: openFileCalls,
    reported: (_, groups) => passed.push(...groups.flatMap(({ reports }) => reports)),
    holds: () => true,
    sayAbsent(_, hash) {
      absent.push(hash);
      session.absent([hash]);
    },
    failing: (error) => troubles.push(error?.message),
    log: silentLog,
  });
  const session = exchange.wanted.join((hashes) => transfer.wanted('e', hashes));
  const address = (await settings.by?.(server.address)) ?? server.address;
  transfer.joined({ executorId: 'e', address, token: TOKEN }, theirs.id);
  t.after(async () => {
    transfer.close();
    exchange.close();
    await server.close();
  });
  return {
    folder,
    theirs,
    ours,
    exchange,
    transfer,
    passed,
    troubles,
    absent,
    report: (...reports: ReportInit[]) => transfer.reports('e', groupsOf(reports)),
    /** Waits until so many reports have passed. */
    async passes(count: number): Promise<Report[]> {
      await until(() => passed.length >= count);
      return passed;
    },
  };
}

const groupsOf = (reports: ReportInit[]): RunReports[] => [
  create(RunReportsSchema, { runId: 'r', epoch: 1, reports }),
];

const leaves = (processor: string, hash: string, folder = false) => ({
  processor,
  attempt: 1,
  outcome: Outcome.SUCCEEDED,
  files: [create(FileSchema, { name: 'f', hash, folder })],
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await condition()); await sleep(5)) {
    assert.ok(performance.now() < deadline, 'within 30 s');
  }
}

/** A way to the executor that ends connections once so many bytes went through one, `cuts` times, and counts all. */
async function cutting(t: TestContext, afterBytes: number, cuts: number) {
  const way = { address: '', bytes: 0, cuts: 0 };
  let target = '';
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const [host, port] = target.split(':');
    const far = dial(Number(port), host);
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      way.bytes += chunk.length;
      if (bytes < afterBytes || way.cuts >= cuts) return;
      way.cuts += 1;
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', count).on('error', () => {});
      from.pipe(to);
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  way.address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const by = async (address: string) => {
    target = address;
    return way.address;
  };
  return { way, by };
}

function writeFolder(at: string, files: number): void {
  mkdirSync(join(at, 'in/side'), { recursive: true });
  for (let n = 0; n < files; n++) writeFileSync(join(at, n % 2 ? 'in/side' : '.', `${n}.txt`), `file ${n}`);
}

test('a report passes when its file is here; those of other attempts and without files do not wait', async (t) => {
  const { theirs, ours, report, passed, passes, transfer } = await place(t);
  const content = randomBytes(200 * MB);
  const { hash } = await theirs.putBytes(content);
  report(leaves('large', hash), { processor: 'quick', attempt: 1, outcome: Outcome.SUCCEEDED });
  transfer.reports('another', groupsOf([leaves('elsewhere', NEVER)]));
  assert.deepEqual(
    passed.map(({ processor }) => processor),
    ['quick', 'elsewhere'],
  );
  const [, , last] = await passes(3);
  assert.deepEqual([last!.processor, last!.outcome], ['large', Outcome.SUCCEEDED]);
  assert.equal(await ours.has(hash), content.length);
  assert.ok(content.equals(await ours.readBytes(hash, content.length)));
});

test('a value that is a file comes too, and is read once however often it is named', async (t) => {
  let reads = 0;
  const { theirs, ours, report, passes } = await place(t, {
    files: (exchange) => ({
      ...exchange,
      read(hash, offset) {
        reads += 1;
        return exchange.read(hash, offset);
      },
    }),
  });
  const { hash } = await theirs.putBytes(randomBytes(MB));
  const output = create(DataSchema, { value: { case: 'file', value: create(FileSchema, { hash }) } });
  report(
    ...Array.from({ length: 20 }, (_, n) => create(ReportSchema, { ...leaves(`p[${n}]`, hash), output })),
  );
  await passes(20);
  assert.equal(await ours.has(hash), MB);
  assert.equal(reads, 1);
});

test('a connection that is cut goes on where it was', async (t) => {
  const { way, by } = await cutting(t, 20 * MB, 3);
  const { theirs, ours, report, passes, exchange } = await place(t, { by });
  const content = randomBytes(80 * MB);
  const { hash } = await theirs.putBytes(content);
  report(leaves('p', hash));
  const [one] = await passes(1);
  assert.deepEqual([one!.outcome, way.cuts], [Outcome.SUCCEEDED, 3]);
  assert.equal(await ours.has(hash), content.length);
  // What was on its way at each cut comes again, 4 MiB of window and some buffers at most.
  assert.ok(way.bytes < 80 * MB + 3 * 12 * MB, `${way.bytes} bytes`);

  // The other way round.
  Object.assign(way, { bytes: 0, cuts: 0 });
  const other = randomBytes(80 * MB);
  await ours.putBytes(other);
  await exchange.transfer({ hash: sha256(other), folder: false }, AbortSignal.timeout(30_000));
  assert.equal(await theirs.has(sha256(other)), other.length);
  assert.equal(way.cuts, 3);
  assert.ok(way.bytes < 80 * MB + 3 * 12 * MB, `${way.bytes} bytes`);
});

test('folders of 500 files come and go, and only what is missing', async (t) => {
  const { folder, theirs, ours, report, passes, exchange } = await place(t);
  const whole = async (store: FileStore, hash: string) => {
    let files = 0;
    for await (const entry of listTree(store, hash)) {
      if (entry.kind === 'file') assert.equal(await store.has(entry.hash), entry.size);
      if (entry.kind === 'file') files += 1;
    }
    return files;
  };
  writeFolder(join(folder, 'left'), 500);
  const left = await putFolder(theirs, join(folder, 'left'), { move: false });
  report(leaves('p', left.hash, true));
  assert.equal((await passes(1))[0]!.outcome, Outcome.SUCCEEDED);
  assert.equal(await whole(ours, left.hash), 500);

  writeFolder(join(folder, 'given'), 502);
  const given = await putFolder(ours, join(folder, 'given'), { move: false });
  await exchange.transfer({ hash: given.hash, folder: true }, AbortSignal.timeout(30_000));
  assert.equal(await whole(theirs, given.hash), 502);
});

test('what a lying executor gives is refused, and nothing is stored', async (t) => {
  const lies = Buffer.from('what it is not');
  const { theirs, ours, report, passes } = await place(t, {
    files: (exchange) => ({
      ...exchange,
      async *read() {
        yield lies;
      },
    }),
  });
  const { hash } = await theirs.putBytes(Buffer.from('what it was'));
  report(
    leaves('file', hash),
    leaves('folder', sha256(Buffer.from('no tree')), true),
    leaves('odd', '../../etc/passwd'),
  );
  for (const one of await passes(3)) {
    assert.deepEqual(
      [one.outcome, one.reason, one.failureClass, one.files],
      [Outcome.FAILED, 'file-lost', FailureClass.INFRA, []],
      one.processor,
    );
    assert.equal(one.attempt, 1);
  }
  for await (const object of ours.list()) assert.fail(object.hash);
});

test('a file that the executor does not have any more fails its attempt', async (t) => {
  const { report, passes } = await place(t);
  report(leaves('p', NEVER));
  const [one] = await passes(1);
  assert.deepEqual([one!.reason, one!.failureClass], ['file-lost', FailureClass.INFRA]);
  assert.match(one!.message, /could not be read from the executor/);
});

test('while the store is full reports wait, and that is told', async (t) => {
  let full = true;
  const { theirs, report, passed, passes, troubles } = await place(t, {
    store: (store) =>
      new Proxy(store, {
        get(target, key: keyof FileStore) {
          if (key === 'putStream' && full) {
            return () => Promise.reject(new FileStoreError('full', 'no space is left'));
          }
          const value = target[key];
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
  });
  const { hash } = await theirs.putBytes(Buffer.from('content'));
  report(leaves('p', hash));
  await until(() => troubles.length >= 2);
  assert.deepEqual([passed, new Set(troubles)], [[], new Set(['no space is left'])]);
  full = false;
  assert.equal((await passes(1))[0]!.outcome, Outcome.SUCCEEDED);
  await until(() => troubles.at(-1) === undefined);
});

test('who is cancelled while the file is on its way ends so; of an executor that is gone nothing passes', async (t) => {
  const held = Promise.withResolvers<void>();
  const { theirs, report, passed, transfer, ours } = await place(t, {
    files: (exchange) => ({
      ...exchange,
      async *read(hash, offset) {
        await held.promise;
        yield* exchange.read(hash, offset);
      },
    }),
  });
  t.after(() => held.resolve());
  const { hash } = await theirs.putBytes(randomBytes(10));
  report(leaves('one', hash), leaves('two', hash));
  const run = { $typeName: 'wiz.v1.RunAttempts' as const, runId: 'r', epoch: 1 };
  const name = { $typeName: 'wiz.v1.AttemptRef' as const, processor: 'one', attempt: 1 };
  transfer.cancelled('e', [{ ...run, attempts: [name, { ...name, processor: 'unknown' }] }]);
  assert.deepEqual(
    passed.map(({ processor, reason }) => [processor, reason]),
    [['one', 'cancelled']],
  );
  transfer.lost('e');
  held.resolve();
  assert.equal(await ours.has(hash), undefined);
  assert.equal(passed.length, 1);
});

test('what nobody has is said, and what is damaged is found so', async (t) => {
  const { ours, folder, exchange, absent } = await place(t);
  const wait = (hash: string) =>
    exchange
      .transfer({ hash, folder: false }, AbortSignal.timeout(30_000))
      .catch((error: FileStoreError) => error.problem);
  assert.equal(await wait(NEVER), 'absent');
  const { hash } = await ours.putBytes(Buffer.from('as it was'));
  const path = join(folder, 'manager/objects', hash.slice(0, 2), hash);
  rmSync(path);
  writeFileSync(path, 'as it is now, unseen', { mode: 0o444 });
  utimesSync(path, 1_000_000_000, 1_000_000_000);
  assert.equal(await wait(hash), 'absent');
  assert.deepEqual(absent, [NEVER, hash]);
});
