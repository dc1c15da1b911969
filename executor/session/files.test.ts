/** ReadFile and WriteFile, and what a session says of wanted files, as a manager with another store uses them. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { encodeTree } from '../../files/tree-object.ts';
import { ReadFileRequestSchema, WriteFileRequestSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { openRemoteTestRooms } from '../data/data-rooms.fixture.ts';
import type { FileExchange } from '../files/file-exchange.ts';
import { bearer, type Client, TOKEN, testExecutor } from './session.fixture.ts';

const NEVER = '0'.repeat(64);
const LARGE = randomBytes(6_000_000);
const HOLD = AbortSignal.timeout(60_000);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What a read brings, or the status it ends with. */
async function read(client: Client, hash: string, offset = 0, token = TOKEN): Promise<Buffer | status> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const { data } of client.readFile(
      create(ReadFileRequestSchema, { hash, offset }),
      bearer(token),
    ))
      chunks.push(data);
    return Buffer.concat(chunks);
  } catch (error) {
    return (error as ServiceError).code;
  }
}

interface Head {
  hash: string;
  size: number;
  offset?: number;
}

/** A stream that was begun; `answer` is its offset, or the status it ends with. */
function begin(client: Client, head: Head, token = TOKEN) {
  const answer = Promise.withResolvers<number | status>();
  const stream = client.writeFile(bearer(token), {}, (error, response) =>
    answer.resolve(error ? -error.code : response!.offset),
  );
  stream.on('error', () => {});
  const send = (fields: object) => stream.write(create(WriteFileRequestSchema, fields));
  send(head);
  return {
    send: (data: Uint8Array) => send({ data }),
    cancel: () => stream.cancel(),
    answer: answer.promise,
    end() {
      stream.end();
      return answer.promise;
    },
  };
}

function write(client: Client, head: Head, data: Uint8Array): Promise<number | status> {
  const stream = begin(client, head);
  for (let at = 0; at < data.length; at += 100_000) stream.send(data.subarray(at, at + 100_000));
  return stream.end();
}

function mkdtempFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-exchange-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function executorFor(t: TestContext) {
  const executor = await testExecutor(t);
  const { store } = executor.data.files;
  return { executor, store, exchange: executor.data.exchange, client: executor.client() };
}

test('an object is read from any offset on, and what is not there is said', async (t) => {
  const { store, client } = await executorFor(t);
  const { hash } = await store.putBytes(LARGE);
  for (const offset of [0, 1, 262_144, LARGE.length]) {
    assert.ok(LARGE.subarray(offset).equals((await read(client, hash, offset)) as Buffer), `from ${offset}`);
  }
  assert.equal(await read(client, NEVER), status.NOT_FOUND);
  assert.equal(await read(client, '../../etc/passwd'), status.INVALID_ARGUMENT);
  for (const offset of [LARGE.length + 1, -1, 0.5, Number.NaN, 1e300])
    assert.equal(await read(client, hash, offset), status.DATA_LOSS, String(offset));
  assert.equal(await read(client, hash, 0, 'guess'), status.UNAUTHENTICATED);
});

test('a client that does not read is not read ahead for, and holds up nobody', async (t) => {
  let reads = 0;
  const {
    files: { store },
    exchange,
  } = await openRemoteTestRooms(mkdtempFor(t), 'store-of-test');
  const files: FileExchange = {
    ...exchange,
    async *read(hash, offset) {
      for await (const chunk of exchange.read(hash, offset)) {
        reads += 1;
        yield chunk;
      }
    },
  };
  const client = (await testExecutor(t, { files })).client();
  const content = randomBytes(40_000_000);
  const { hash } = await store.putBytes(content);
  const slow = client.readFile(create(ReadFileRequestSchema, { hash }), bearer(TOKEN));
  slow.on('error', () => {});
  await slow[Symbol.asyncIterator]().next();
  assert.ok(content.equals((await read(client, hash)) as Buffer));
  // All 153 chunks of the one that was read; of the other the client's buffer of 16, a window of 16, and 4.
  assert.ok(reads < 153 + 45, `${reads} chunks`);
  slow.cancel();
});

test('an object is given, whole or not at all', async (t) => {
  const { executor, store, client } = await executorFor(t);
  const hash = sha256(LARGE);
  assert.equal(await write(client, { hash, size: LARGE.length }, LARGE), LARGE.length);
  assert.ok(LARGE.equals(await store.readBytes(hash)));
  // Again: it is here, and nothing is sent for nothing.
  assert.equal(await begin(client, { hash, size: LARGE.length }).end(), LARGE.length);
  const nothing = sha256(new Uint8Array());
  assert.equal(await write(client, { hash: nothing, size: 0 }, new Uint8Array()), 0);
  assert.equal(await store.has(nothing), 0);

  const other = { hash: NEVER, size: 9 };
  assert.equal(await write(client, other, Buffer.from('something')), -status.DATA_LOSS);
  assert.equal(
    await write(client, { ...other, size: 3 }, Buffer.from('something')),
    -status.INVALID_ARGUMENT,
  );
  assert.equal(await write(client, { ...other, hash: '..' }, LARGE), -status.INVALID_ARGUMENT);
  for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
    assert.equal(await write(client, { ...other, size }, LARGE), -status.INVALID_ARGUMENT, String(size));
  assert.equal(await write(client, { ...other, offset: 10 }, LARGE), -status.INVALID_ARGUMENT);
  assert.equal(await begin(client, other, 'guess').answer, -status.UNAUTHENTICATED);
  assert.equal(await store.has(NEVER), undefined);
  assert.deepEqual(readdirSync(join(executor.home, 'store/tmp')), []);
});

test('after a stream broke, the next one goes on where it was', async (t) => {
  const { store, client, exchange } = await executorFor(t);
  const head = { hash: sha256(LARGE), size: LARGE.length };
  assert.equal(await begin(client, head).end(), 0);
  const broken = begin(client, head);
  broken.send(LARGE.subarray(0, 1_000_000));
  const offset = async () => (await begin(client, head).end()) as number;
  while ((await offset()) < 1_000_000);
  broken.cancel();
  assert.equal(await broken.answer, -status.CANCELLED);
  assert.equal(await offset(), 1_000_000);
  // Somewhere else is not where to go on.
  assert.equal(await write(client, { ...head, offset: 5 }, LARGE.subarray(5)), 1_000_000);
  assert.equal(await write(client, { ...head, size: 5 }, LARGE.subarray(0, 5)), -status.INVALID_ARGUMENT);
  assert.equal(await write(client, { ...head, offset: 1_000_000 }, LARGE.subarray(1_000_000)), LARGE.length);
  assert.ok(LARGE.equals(await store.readBytes(head.hash)));
  assert.ok(exchange.quietMs() < 10_000);
});

test('two managers give the same at once', async (t) => {
  const { store, client, executor } = await executorFor(t);
  const head = { hash: sha256(LARGE), size: LARGE.length };
  const one = begin(client, head);
  one.send(LARGE.subarray(0, 300_000));
  const two = write(executor.client(), head, LARGE);
  one.send(LARGE.subarray(300_000));
  assert.equal(await one.end(), LARGE.length);
  assert.equal(await two, LARGE.length);
  assert.ok(LARGE.equals(await store.readBytes(head.hash)));
});

test('what an attempt waits for is told in every session, and the attempt goes on when it came', async (t) => {
  const { executor, store, exchange, client } = await executorFor(t);
  const manager = executor.manager();
  await manager.hello();
  const waiting = exchange.transfer({ hash: sha256(LARGE), folder: false }, HOLD);
  const wanted = (one: typeof manager) => one.received.flatMap(({ wantedFiles }) => wantedFiles);
  await manager.until(() => wanted(manager).length > 0);
  const second = executor.manager();
  await second.hello();
  await second.until(() => wanted(second).length > 0);
  assert.deepEqual([wanted(manager), wanted(second)], [[sha256(LARGE)], [sha256(LARGE)]]);
  await write(client, { hash: sha256(LARGE), size: LARGE.length }, LARGE);
  await waiting;
  assert.equal(await store.has(sha256(LARGE)), LARGE.length);
  await exchange.transfer({ hash: sha256(LARGE), folder: false }, HOLD);

  // One manager that does not have it is not all of them.
  const lost = exchange.transfer({ hash: NEVER, folder: false }, HOLD).catch((error) => error.problem);
  for (const one of [manager, second]) await one.until(() => wanted(one).includes(NEVER));
  manager.send({ absentFiles: [NEVER] });
  second.send({ absentFiles: [NEVER] });
  assert.equal(await lost, 'absent');
  // Somebody who stops waiting waits for nothing.
  const stop = new AbortController();
  const stopped = exchange.transfer({ hash: NEVER, folder: false }, stop.signal).catch((error) => error);
  stop.abort('enough');
  assert.equal(await stopped, 'enough');
  assert.equal(exchange.wanted.kindOf(NEVER), undefined);
});

test('of a folder the tree object comes first and is stored last, and what is there does not come', async (t) => {
  const { executor, store, exchange, client } = await executorFor(t);
  const content = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array) => {
    content.set(sha256(bytes), bytes);
    return sha256(bytes);
  };
  const names = Array.from({ length: 150 }, (_, n) => `file ${n}`);
  const file = (name: string) => {
    const bytes = Buffer.from(name);
    return { kind: 'file' as const, name, hash: add(bytes), size: bytes.length };
  };
  const entries = names.map(file);
  const inner = add(encodeTree(entries));
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  const folder = { kind: 'folder' as const, hash: inner, size, entries: entries.length };
  const outer = add(encodeTree([{ ...folder, name: 'a' }, { ...folder, name: 'b' }, file('file 0')]));
  await store.putBytes(Buffer.from('file 7'));

  const manager = executor.manager();
  await manager.hello();
  const given: string[] = [];
  manager.stream.on('data', async ({ wantedFiles }) => {
    for (const hash of wantedFiles as string[]) {
      given.push(hash);
      const bytes = content.get(hash)!;
      if (hash !== outer && hash !== inner) assert.equal(await store.has(outer), undefined);
      await write(client, { hash, size: bytes.length }, bytes);
    }
  });
  await exchange.transfer({ hash: outer, folder: true }, HOLD);
  assert.deepEqual(given.slice(0, 1), [outer]);
  assert.deepEqual(
    given.toSorted(),
    [...content.keys()].filter((h) => h !== sha256(Buffer.from('file 7'))).sort(),
  );
  for (const [hash, bytes] of content) assert.equal(await store.has(hash), bytes.length);
});

test('no token, no file', async (t) => {
  const { client } = await executorFor(t);
  const call = client.readFile(create(ReadFileRequestSchema, { hash: NEVER }), new Metadata());
  await assert.rejects(call[Symbol.asyncIterator]().next(), { code: status.UNAUTHENTICATED });
});
