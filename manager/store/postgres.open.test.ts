import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import postgres from 'postgres';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { firstIdAt } from '../../proto/ids.ts';
import { postgresForTests } from '../../test/postgres.ts';
import { commitOf, NO_LIMITS, runRow } from './conformance/rows.ts';
import { embed, POSTGRES } from './generate-migrations.ts';
import { MIGRATIONS } from './migrations-postgres/embedded.ts';
import { openStore } from './open-store.ts';
import { weekOf } from './postgres/partitions.ts';
import { createTransactions } from './postgres/transactions.ts';
import { openPostgresStore } from './postgres.ts';
import type { Store } from './store.ts';

const server = postgresForTests();
const stores: Store[] = [];
after(() => Promise.all(stores.map((store) => store.close())));

async function open(address: string): Promise<Store> {
  const store = await openStore(address);
  stores.push(store);
  return store;
}

const nameOf = (address: string) => new URL(address).pathname.slice(1);

describe('opening a PostgreSQL store', () => {
  it('makes the tables once, however many begin with an empty database', async () => {
    const address = await (await server()).newDatabase();
    const opened = await Promise.all(Array.from({ length: 6 }, () => open(address)));
    const row = runRow({ managerId: 'm1' });
    await opened[0]!.createRun(row, [], 'm1');
    await opened[1]!.commit([commitOf(row, 2)], NO_LIMITS);
    assert.equal((await opened[5]!.readEvents(row.runId, 0, 9)).length, 2);
    const [schema] = await (await server()).execute('SELECT * FROM wiz.wiz_schema', nameOf(address));
    assert.deepEqual({ ...schema }, { application: 'wiz1', version: MIGRATIONS.length });
  });

  it('embeds its migrations', async () => {
    const { readFileSync } = await import('node:fs');
    const path = new URL('migrations-postgres/embedded.ts', import.meta.url);
    assert.equal(readFileSync(path, 'utf8'), embed(POSTGRES));
  });

  it('refuses the tables of a newer wiz, and those of another program', async () => {
    const postgres = await server();
    const newer = await postgres.newDatabase();
    await (await openPostgresStore(newer)).close();
    await postgres.execute('UPDATE wiz.wiz_schema SET version = 9999', nameOf(newer));
    await assert.rejects(openPostgresStore(newer), {
      code: 'failed_precondition',
      message: /newer wiz \(schema 9999.*upgrade wiz/,
    });
    const foreign = await postgres.newDatabase();
    await postgres.execute('CREATE SCHEMA wiz; CREATE TABLE wiz.x (y int)', nameOf(foreign));
    await assert.rejects(openPostgresStore(foreign), {
      code: 'failed_precondition',
      message: /that of another program/,
    });
    const shared = await postgres.newDatabase();
    await postgres.execute('CREATE TABLE runs (of_another text)', nameOf(shared));
    await open(shared);
  });

  it('says what is wrong with an address, and never the password', async () => {
    const address = await (await server()).newDatabase();
    const change = (work: (url: URL) => void) => {
      const url = new URL(address);
      url.password = 'geheim';
      work(url);
      return url.href;
    };
    const right = new URL(address).password;
    const wrong: [string, string, RegExp][] = [
      [change(() => {}), 'permission_denied', /refuses user and password/],
      [
        change((url) => Object.assign(url, { password: right, pathname: '/none' })),
        'failed_precondition',
        /createdb/,
      ],
      [change((url) => Object.assign(url, { port: '1' })), 'unavailable', /cannot be reached/],
      [
        change((url) => Object.assign(url, { hostname: 'no-such-host.invalid' })),
        'unavailable',
        /no-such-host/,
      ],
      ['postgres://user:geheim@host:abc/db', 'invalid_argument', /is no URL/],
      ['mysql://user:geheim@host/db', 'invalid_argument', /no address of a store/],
    ];
    for (const [bad, code, message] of wrong) {
      await assert.rejects(openStore(bad), (error: Error & { code: string }) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /geheim/);
        return true;
      });
    }
  });

  it('says when the user may not make tables', async () => {
    const postgres = await server();
    const address = await postgres.newDatabase();
    await postgres.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'");
    const url = Object.assign(new URL(address), { username: 'guest', password: 'guest' });
    await assert.rejects(openPostgresStore(url.href), {
      code: 'permission_denied',
      message: /does not allow it/,
    });
  });

  it('keeps weeks apart, and what belongs to none', async () => {
    const postgres = await server();
    const address = await postgres.newDatabase();
    const store = await open(address);
    const now = runRow({ managerId: 'm1' });
    const strange = runRow({ managerId: 'm1', runId: '1'.padEnd(27, 'A') });
    for (const row of [now, strange]) {
      await store.createRun(row, [], 'm1');
      await store.commit([commitOf(row, 1)], NO_LIMITS);
    }
    const rows = await postgres.execute(
      'SELECT tableoid::regclass::text AS table, run_id FROM wiz.batches',
      nameOf(address),
    );
    const tables = Object.fromEntries(rows.map((row) => [row.run_id, row.table]));
    assert.equal(tables[now.runId], `wiz.batches_${weekOf(Date.now()).name}`);
    assert.equal(tables[strange.runId], 'wiz.batches_others');
  });

  it('takes the tables of a week away with its last run', async () => {
    const postgres = await server();
    const address = await postgres.newDatabase();
    const store = await open(address);
    const longAgo = Date.now() - 40 * 24 * 3600 * 1000;
    const week = weekOf(longAgo);
    const tables = async () => {
      const rows = await postgres.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r'",
        nameOf(address),
      );
      return rows.map(({ relname }) => relname).filter((name) => String(name).includes(week.name));
    };
    for (const table of ['batches', 'log_chunks']) {
      await postgres.execute(
        `CREATE TABLE wiz.${table}_${week.name} PARTITION OF wiz.${table} FOR VALUES FROM ('${week.from}') TO ('${week.to}')`,
        nameOf(address),
      );
    }
    const [first, second] = [1, 2].map((n) =>
      runRow({ managerId: 'm1', runId: firstIdAt(longAgo + n * 1_000) }),
    );
    for (const row of [first!, second!]) {
      await store.createRun(row, [], 'm1');
      await store.commit([commitOf(row, 1, { state: RunState.SUCCEEDED })], NO_LIMITS);
    }
    await store.deleteRuns([first!.runId]);
    assert.equal((await tables()).length, 2);
    assert.equal((await store.readEvents(second!.runId, 0, 9)).length, 1);
    await store.deleteRuns([second!.runId]);
    assert.deepEqual(await tables(), []);
    // One with a clock that is far behind still finds a place.
    await store.createRun(first!, [], 'm1');
    await store.commit([commitOf(first!, 1)], NO_LIMITS);
    assert.equal((await store.readEvents(first!.runId, 0, 9)).length, 1);
  });

  it('opens when runs of a week that has no tables yet are there', async () => {
    const own = await server();
    const address = await own.newDatabase();
    const store = await open(address);
    // Made by a clock that was a week ahead.
    const week = weekOf(Date.now() + 7 * 24 * 3600 * 1000);
    for (const table of ['batches', 'log_chunks']) {
      await own.execute(`DROP TABLE IF EXISTS wiz.${table}_${week.name}`, nameOf(address));
    }
    const row = runRow({ managerId: 'm1', runId: firstIdAt(week.endMs - 1_000) });
    await store.createRun(row, [], 'm1');
    await store.commit([commitOf(row, 1, { state: RunState.SUCCEEDED })], NO_LIMITS);
    const again = await open(address);
    assert.equal((await again.readEvents(row.runId, 0, 9)).length, 1);
    const [made] = await own.execute(
      `SELECT to_regclass('wiz.log_chunks_${week.name}')::text AS name`,
      nameOf(address),
    );
    assert.equal(made!.name, `wiz.log_chunks_${week.name}`);
  });

  it('takes the tables of a week away that has them for logs only', async () => {
    const own = await server();
    const address = await own.newDatabase();
    const store = await open(address);
    const { name, from, to } = weekOf(Date.now() - 40 * 24 * 3600 * 1000);
    await own.execute(
      `CREATE TABLE wiz.log_chunks_${name} PARTITION OF wiz.log_chunks FOR VALUES FROM ('${from}') TO ('${to}')`,
      nameOf(address),
    );
    const row = runRow({ managerId: 'm1' });
    await store.createRun(row, [], 'm1');
    await store.commit([commitOf(row, 1, { state: RunState.SUCCEEDED })], NO_LIMITS);
    await store.deleteRuns([row.runId]);
    const found = await own.execute(`SELECT to_regclass('wiz.log_chunks_${name}') AS found`, nameOf(address));
    assert.equal(found[0]!.found, null);
  });

  it('gives no connection to a transaction that waited when the store was closed', async () => {
    const address = await (await server()).newDatabase();
    let opened = 0;
    const transactions = createTransactions((options) => {
      opened += 1;
      return postgres(address, options) as ReturnType<Parameters<typeof createTransactions>[0]>;
    });
    const { promise: all, resolve: go } = Promise.withResolvers<void>();
    const held = Array.from({ length: 4 }, () =>
      transactions.run(async (query) => {
        await query('SELECT 1');
        await all;
        await query('SELECT 1');
      }),
    );
    const late = [...held, transactions.run((query) => query('SELECT 1'))].map((one) =>
      assert.rejects(one, { code: 'CONNECTION_ENDED' }),
    );
    await turn();
    await transactions.close();
    go();
    await Promise.all(late);
    await assert.rejects(
      transactions.run((query) => query('SELECT 1')),
      { code: 'CONNECTION_ENDED' },
    );
    assert.equal(opened, 4);
  });
});
