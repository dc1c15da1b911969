import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { machineId } from '../../../proto/machine-id.ts';
import { postgresForTests } from '../../../test/postgres.ts';
import { processStart } from '../../launch/process-identity.ts';
import { chunksOf, queryOf } from '../conformance/logs.ts';
import { commitOf, manager, NO_LIMITS, runRow } from '../conformance/rows.ts';
import { openStore } from '../open-store.ts';
import type { Store } from '../store.ts';
import { contentOf, type Filled, fill, LONG_LOG } from './filled.fixture.ts';
import { backupStore, copyStore, migrateStore, restoreStore, type StoreAddress } from './stores.ts';
import { ALL } from './tables.ts';

const server = postgresForTests();
const folder = mkdtempSync(join(tmpdir(), 'transfer-'));
after(() => rmSync(folder, { recursive: true }));

let places = 0;
function sqlite(): Required<StoreAddress> {
  places += 1;
  const home = join(folder, `home${places}`);
  return { address: `sqlite:${home}/wiz.db`, home };
}

async function postgres(): Promise<StoreAddress> {
  return { address: await (await server()).newDatabase() };
}

const makers: Record<string, () => StoreAddress | Promise<StoreAddress>> = {
  SQLite: sqlite,
  PostgreSQL: postgres,
};

async function opened<T>(at: StoreAddress, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(at.address);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The same JSON means the same: PostgreSQL puts spaces into its own. */
function plain(lines: string[]): unknown[] {
  return lines.map((line) =>
    JSON.parse(line, (_, value) =>
      typeof value === 'string' && value.startsWith('[') ? JSON.parse(value) : value,
    ),
  );
}

/** Without logs, whose chunks each kind cuts in its own way, and the end with its checksum. */
function rows(lines: string[]): unknown[] {
  const at = lines.findIndex((line) => line.startsWith('{"table":"logs"'));
  assert.ok(at > 0);
  return plain(lines.slice(0, at));
}

async function checkFilled(at: StoreAddress, { ended, running }: Filled): Promise<void> {
  await opened(at, async (store) => {
    const row = await store.getRun(running.runId);
    assert.equal(row?.managerId, null);
    assert.equal(row?.epoch, 1);
    assert.equal((await store.readEvents(running.runId, 0, 99)).length, 3);
    assert.equal((await store.findCacheEntries(['k1', 'k2'])).size, 2);
    assert.deepEqual(await store.listManagers(), []);
    assert.deepEqual((await store.listExecutors()).map(({ name }) => name).sort(), ['b', 'gpu-1']);
    const { rows: found } = await store.queryRecords(
      'select city, celsius from temperatures where celsius > 0',
    );
    const read: unknown[] = [];
    for await (const one of found) read.push(one);
    assert.deepEqual(read, [['Łódź', 19.5]]);
    assert.equal((await store.getDelivery('d1'))?.tries.length, 1);
    assert.equal(await store.nextDeliveryMs(0), 1_700_000_000_000);
    const logs = store.openLogs(at.home ?? '');
    const long = await chunksOf(logs, queryOf(ended.runId, { processor: 'long[2]', attempt: 2 }));
    assert.ok(Buffer.concat(long.map(({ data }) => data)).equals(LONG_LOG));
    const tail = await chunksOf(
      logs,
      queryOf(ended.runId, { processor: 'long[2]', attempt: 2, fromLine: 24_999 }),
    );
    assert.equal(Buffer.concat(tail.map(({ data }) => data)).toString(), '0123456789abcde\n'.repeat(2));
    const short = await chunksOf(logs, queryOf(ended.runId));
    assert.deepEqual(
      short.map(({ stream, data }) => `${stream} ${Buffer.from(data)}`),
      ['1 first\n', '2 zwei\0ÿ\n', '1 third'],
    );
    await logs.close();
    // The next manager takes it, in an epoch and a term of its own; what counts up goes on.
    assert.deepEqual(await store.claimRuns('m2', ['m2'], 10), [{ runId: running.runId, epoch: 2 }]);
    assert.deepEqual(await store.claimCentre('m2', ['m2'], 1), { epoch: 2 });
    const limits = {
      acquire: [{ key: 'gpu', holder: 'b', runId: running.runId }],
      release: [],
      max: { gpu: 1 },
    };
    const mine = { ...running, managerId: 'm2', epoch: 2 };
    assert.deepEqual((await store.commit([commitOf(mine, 1)], limits)).exceeded, ['gpu']);
    const records = [{ table: 'temperatures', processor: 'p', rows: [{ city: 'Köln' }] }];
    assert.deepEqual((await store.commit([{ ...commitOf(mine, 1), records }], NO_LIMITS)).fenced, []);
  });
}

for (const [first, second] of [
  ['SQLite', 'PostgreSQL'],
  ['PostgreSQL', 'SQLite'],
] as const) {
  test(`${first} to ${second} and back: the same rows, journals, records, caches and logs`, async () => {
    const from = await makers[first]!();
    const filled = await fill(from);
    const before = await contentOf(from, folder);
    for (const { name } of ALL) {
      const at = before.findIndex((line) => line.startsWith(`{"table":"${name}"`));
      assert.ok(at >= 0 && before[at + 1]!.startsWith('['), `nothing of ${name} was in it`);
    }
    const to = await makers[second]!();
    const { tables } = await copyStore(from, to);
    assert.equal(tables.runs, 2);
    assert.equal(tables.executors, 2);
    assert.deepEqual(rows(await contentOf(to, folder)), rows(before));
    const back = await makers[first]!();
    const file = join(folder, `${first}.backup`);
    const seen: string[] = [];
    const { size } = await backupStore(to, file, ({ table }) => seen.push(table));
    assert.equal(size, statSync(file).size);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(seen.includes('logs'));
    await restoreStore(file, back);
    assert.deepEqual(rows(await contentOf(back, folder)), rows(before));
    await checkFilled(to, filled);
    await checkFilled(back, filled);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.partial')),
      [],
    );
    if (back.home !== undefined) assert.deepEqual(readdirSync(back.home).sort(), ['runs', 'wiz.db']);
  });
}

for (const kind of ['SQLite', 'PostgreSQL']) {
  test(`${kind}: a backup is of one moment while commits go on`, async () => {
    const from = await makers[kind]!();
    const file = join(folder, `${kind}-live.backup`);
    await opened(from, async (store) => {
      const going = Array.from({ length: 20 }, () => runRow({ managerId: 'm1' }));
      for (const row of going) await store.createRun(row, [], 'm1');
      let busy = true;
      const committing = (async () => {
        while (busy) {
          await store.commit(
            going.map((row) => commitOf(row, 2)),
            NO_LIMITS,
          );
          for (const row of going) row.seq += 2;
          await new Promise(setImmediate);
        }
      })();
      for (let i = 0; i < 3; i++) {
        await backupStore(from, file);
        const lines = gunzipSync(readFileSync(file))
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
        const of = (table: string) => {
          const at = lines.findIndex((line) => line.table === table);
          const { columns } = lines[at];
          const end = lines.findIndex((line, n) => n > at && !Array.isArray(line));
          return lines
            .slice(at + 1, end)
            .map((row) => Object.fromEntries(row.map((v: unknown, n: number) => [columns[n], v])));
        };
        const last = new Map<string, number>();
        for (const { run_id, first_seq, last_seq } of i === 0 &&
        !lines.some(({ table }) => table === 'batches')
          ? []
          : of('batches')) {
          assert.equal(first_seq, (last.get(run_id) ?? 0) + 1);
          last.set(run_id, last_seq);
        }
        const found = of('runs');
        assert.equal(found.length, going.length);
        for (const { run_id, seq } of found) assert.equal(last.get(run_id) ?? 0, seq);
      }
      busy = false;
      await committing;
    });
  });
}

test('what is no whole backup of a wiz that is known is refused, and leaves nothing', async () => {
  const from = sqlite();
  await fill(from);
  const file = join(folder, 'whole.backup');
  await backupStore(from, file);
  const whole = readFileSync(file);
  const text = gunzipSync(whole).toString();
  const changed = (what: string, by: string) => {
    assert.ok(text.includes(what), what);
    return gzipSync(text.replace(what, by));
  };
  const flipped = Buffer.from(whole);
  flipped[flipped.length >> 1]! ^= 0xff;
  const lines = text.trimEnd().split('\n');
  const bad: [string, Buffer, RegExp][] = [
    ['cut', whole.subarray(0, whole.length - 9), /damaged/],
    ['halved', whole.subarray(0, whole.length >> 1), /damaged/],
    ['flipped', flipped, /damaged/],
    ['without end', gzipSync(`${lines.slice(0, -1).join('\n')}\n`), /damaged: its end is missing/],
    ['another value', changed('"ada"', '"eve"'), /damaged: its checksum/],
    ['more at the end', gzipSync(`${text}[]\n`), /damaged: there is something behind its end/],
    ['newer', changed('{"wiz-store":1', '{"wiz-store":2'), /newer wiz/],
    ['a new table', changed('{"table":"users"', '{"table":"groups"'), /newer wiz/],
    ['a new column', changed('"columns":["name","role"', '"columns":["name","role","age"'), /newer wiz/],
    ['another gzip', gzipSync('hello\n'), /no JSON|no backup/],
    ['another JSON', gzipSync('{"a":1}\n'), /no backup of a wiz store/],
    ['no gzip', Buffer.from('hello'), /no backup of a wiz store/],
    ['empty', Buffer.alloc(0), /no backup of a wiz store/],
  ];
  const database = await postgres();
  for (const [name, content, message] of bad) {
    const path = join(folder, 'bad.backup');
    writeFileSync(path, content);
    const to = sqlite();
    await assert.rejects(restoreStore(path, to), { name: 'WizError', message }, name);
    assert.deepEqual(existsSync(to.home) ? readdirSync(to.home) : [], [], name);
    await assert.rejects(restoreStore(path, database), { name: 'WizError', message }, name);
  }
  await assert.rejects(restoreStore(join(folder, 'nowhere'), sqlite()), { code: 'not_found' });
  await restoreStore(file, database);
});

for (const [kind, make] of Object.entries(makers)) {
  test(`${kind}: only an empty store is filled, and none that somebody uses`, async () => {
    const from = sqlite();
    await fill(from);
    const to = await make();
    assert.equal((await migrateStore(to.address)).from, 0);
    const again = await migrateStore(to.address);
    assert.equal(again.from, again.to);
    const living = manager('m9', {
      pid: process.pid,
      pidStart: processStart(process.pid),
      machine: machineId(),
      kind: 'daemon',
    });
    await opened(to, (store) => store.heartbeat(living));
    await assert.rejects(copyStore(from, to), {
      code: 'failed_precondition',
      message: /is used by a daemon/,
    });
    await opened(to, (store) => store.removeManager('m9'));
    await opened(from, (store) => store.heartbeat(living));
    await assert.rejects(copyStore(from, to), { code: 'failed_precondition', message: /--live/ });
    await copyStore(from, to, { live: true });
    const error = await copyStore(from, to, { live: true }).catch((thrown) => thrown);
    assert.match(error.message, /is not empty: its table "pipelines" and \d+ more has rows/);
    assert.doesNotMatch(error.message, /:[0-9a-f]{18}@/);
    assert.deepEqual(rows(await contentOf(to, folder)), rows(await contentOf(from, folder)));
  });
}

test('a store that somebody has open is not taken away, and one that is not there is not copied', async () => {
  const from = sqlite();
  await fill(from);
  const to = sqlite();
  await opened(to, async (store) => {
    await store.listPipelines();
    await assert.rejects(copyStore(from, to), { code: 'failed_precondition', message: /in use by another/ });
  });
  await copyStore(from, to);
  await assert.rejects(copyStore(sqlite(), sqlite()), { message: /There is no store at sqlite:/ });
  await assert.rejects(copyStore(from, from), { message: /the store that is copied itself/ });
  await assert.rejects(copyStore({ address: 'mysql://a:secret@b' }, to), /"mysql:…" is no address/);
});
