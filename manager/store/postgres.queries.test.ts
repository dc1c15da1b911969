import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { postgresForTests } from '../../test/postgres.ts';
import type { JsonValue } from '../spec/spec.ts';
import { endedRun } from './conformance/data.ts';
import { openPostgresStore } from './postgres.ts';
import type { Store } from './store.ts';

const server = postgresForTests();
let store: Store;
before(async () => {
  store = await openPostgresStore(await (await server()).newDatabase());
  const rows = Array.from({ length: 3 }, (_, n) => ({ n, text: `row ${n}`, data: { a: [n] } }));
  await endedRun(store, () => ({ records: [{ table: 'numbers', processor: 'p', rows }] }));
});
after(() => store.close());

async function query(sql: string): Promise<JsonValue[][]> {
  const rows: JsonValue[][] = [];
  for await (const row of (await store.queryRecords(sql)).rows) rows.push(row);
  return rows;
}

describe('queries over records in PostgreSQL', () => {
  const allowed: [string, JsonValue[][]][] = [
    ['select count(*), sum(n), avg(n), min(text) from numbers', [[3, 3, 1, 'row 0']]],
    ['select a.n, b.n from numbers a join numbers b using (n) where a.n = 2', [[2, 2]]],
    ["select data -> 'a' ->> 0, upper(text), length(text) from numbers where n = 1", [['1', 'ROW 1', 5]]],
    [
      'with recursive t(i) as (select 1 union all select i + 1 from t where i < 3) select max(i) from t',
      [[3]],
    ],
    ['select n, row_number() over (order by n desc) from numbers order by n limit 1', [[0, 3]]],
    ['select (select max(n) from numbers), exists (select 1 from numbers)', [[2, true]]],
    [
      "select jsonb_agg(n order by n), string_agg(text, ',' order by n) from numbers",
      [[[0, 1, 2], 'row 0,row 1,row 2']],
    ],
    [
      "select date_trunc('year', recorded_at::timestamptz at time zone 'UTC')::date::text from numbers limit 1",
      [['2023-01-01']],
    ],
    ['select i from generate_series(1, 2) as i', [[1], [2]]],
    [
      "select '\\x0102'::bytea, 'NaN'::float8, null, 12345678901234567890",
      [['AQI=', 'NaN', null, '12345678901234567890']],
    ],
    ['values (1), (2)', [[1], [2]]],
    ['select distinct pg_typeof(n)::text from numbers', [['bigint']]],
    ['select random() < 2 from numbers limit 1', [[true]]],
  ];
  for (const [sql, expected] of allowed) {
    it(`answers: ${sql.slice(0, 60)}`, async () => assert.deepEqual(await query(sql), expected));
  }

  const refused = [
    // Other tables, by each way there is.
    'select token from wiz.executors',
    'select * from wiz.tokens',
    'select * from wiz.records',
    'table wiz.users',
    'select * from pg_catalog.pg_authid',
    'select passwd from pg_shadow',
    'select * from pg_stat_activity',
    'select * from information_schema.tables',
    'select n from numbers where exists (select 1 from wiz.tokens)',
    'select n from numbers order by (select count(*) from wiz.tokens)',
    'select (select hash from wiz.tokens limit 1) from numbers',
    'with t as (select * from wiz.tokens) select 1',
    'select * from numbers union all select hash, 1, 1, 1, 1, 1, 1 from wiz.tokens',
    'select * from numbers, lateral (select * from wiz.tokens) as t',
    'select 1 from wiz.tokens tablesample system (1)',
    'select 1 where false and exists (select 1 from wiz.tokens)',
    // Functions that read, run or tell.
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/tmp/x')",
    "select query_to_xml('select * from wiz.tokens', true, true, '')",
    "select table_to_xml('wiz.tokens'::regclass, true, true, '')",
    "select schema_to_xml('wiz', true, true, '')",
    "select * from ts_stat('select to_tsvector(hash) from wiz.tokens')",
    "select current_setting('data_directory')",
    "select set_config('search_path', 'wiz', false)",
    'select pg_sleep(100)',
    'select pg_backend_pid()',
    'select pg_terminate_backend(1)',
    "select pg_notify('wiz', 'x')",
    "select nextval('wiz.records_id_seq')",
    'select pg_advisory_lock(1)',
    "select n from numbers order by pg_read_file('/etc/passwd')",
    "select count(*) filter (where pg_ls_dir('/') is null) from numbers",
    "select * from pg_ls_dir('/') as t",
    "select case when true then pg_read_file('/etc/passwd') end",
    "select has_table_privilege('wiz.tokens', 'select')",
    'select version() from pg_settings',
    // What writes, and what is no query.
    "insert into wiz.users values ('x')",
    'delete from wiz.runs returning run_id',
    'update wiz.tokens set role = 4 returning token_id',
    'with d as (delete from wiz.runs returning run_id) select * from d',
    'select 1 into temp x',
    'select n from numbers for update',
    "copy wiz.tokens to '/tmp/x'",
    "copy (select 1) to program 'id'",
    'drop table wiz.runs',
    'explain analyze delete from wiz.runs',
    'do $$ begin delete from wiz.runs; end $$',
    'set search_path = wiz',
    'begin; select 1',
    'commit',
    'prepare x as select 1',
    'call wiz.something()',
    'listen wiz',
    'declare c cursor for select 1',
    'select 1; delete from wiz.runs',
    'select $1',
    'show data_directory',
    'vacuum',
  ];
  for (const sql of refused) {
    it(`refuses: ${sql.slice(0, 60)}`, async () => {
      await assert.rejects(query(sql), { code: 'invalid_argument', message: /^The query cannot be run: / });
    });
  }

  it('leaves nothing behind, and has changed nothing', async () => {
    assert.deepEqual(await query('select count(*) from numbers'), [[3]]);
    assert.equal((await store.listRuns({ limit: 9 })).length, 1);
  });

  it('tells names that are too long for PostgreSQL as they are in queries', async () => {
    const long = 'é'.repeat(90);
    const row = { [`${long}1`]: 1, [`${long}2`]: 2, SELECT: 3 };
    await endedRun(store, () => ({ records: [{ table: `T ${long}`, processor: 'p', rows: [row] }] }));
    const table = (await store.listRecordTables()).find(({ name }) => name.startsWith('T '))!;
    assert.deepEqual(
      table.columns.map(({ name }) => name),
      ['é'.repeat(31), `${'é'.repeat(30)}_2`, 'SELECT'],
    );
    assert.deepEqual(
      await query(`select "${'é'.repeat(31)}", "${'é'.repeat(30)}_2", "SELECT" from "${table.name}"`),
      [[1, 2, 3]],
    );
  });
});
