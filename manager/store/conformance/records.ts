import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JsonObject, JsonValue } from '../../spec/spec.ts';
import type { NewRecords, RunRow, Store } from '../store.ts';
import { endedRun } from './data.ts';
import { commitOf, NO_LIMITS, runRow } from './rows.ts';

export function recordTests(store: () => Store): void {
  const record = (table: string, rows: JsonObject[], change: Partial<RunRow> = {}): Promise<RunRow> =>
    endedRun(store(), () => ({ records: [{ table, processor: 'measure', rows }] }), change);

  async function query(sql: string): Promise<JsonValue[][]> {
    const rows: JsonValue[][] = [];
    for await (const row of (await store().queryRecords(sql)).rows) rows.push(row);
    return rows;
  }

  async function columns(table: string): Promise<Record<string, string>> {
    const found = (await store().listRecordTables()).find(({ name }) => name === table);
    return Object.fromEntries(found!.columns.map(({ name, type }) => [name, type]));
  }

  it('keeps rows with their run, and has a view for each table', async () => {
    const row = await record('temperatures', [
      { city: 'Köln', celsius: 21.5 },
      { city: 'Łódź', celsius: 19 },
    ]);
    await record('others', [{ n: 1 }]);
    const { columns: names, rows } = await store().queryRecords(
      'select * from temperatures order by celsius desc',
    );
    assert.deepEqual(names, ['city', 'celsius', 'run_id', 'pipeline', 'processor', 'recorded_at']);
    const origin = [row.runId, 'audit', 'measure', '2023-11-14T22:13:20.001Z'];
    const read: JsonValue[][] = [];
    for await (const one of rows) read.push(one);
    assert.deepEqual(read, [
      ['Köln', 21.5, ...origin],
      ['Łódź', 19, ...origin],
    ]);
    assert.deepEqual(await query('select count(*), avg(celsius) from temperatures'), [[2, 20.25]]);
    assert.deepEqual(
      await query('select t.city, o.n from temperatures as t, others as o where o.n < t.celsius order by 1'),
      [
        ['Köln', 1],
        ['Łódź', 1],
      ],
    );
  });

  it('types columns by what was written', async () => {
    await record('typed', [{ i: 1, n: 1, s: 'x', b: true, j: { a: [1] }, m: 1, nothing: null }]);
    assert.deepEqual(await columns('typed'), {
      i: 'integer',
      n: 'integer',
      s: 'text',
      b: 'boolean',
      j: 'json',
      m: 'integer',
      nothing: 'mixed',
    });
    await record('typed', [{ n: 0.5, j: [], m: 'text', later: false }, { i: null }]);
    const widened = { n: 'number', j: 'json', m: 'mixed', i: 'integer', later: 'boolean' };
    assert.deepEqual({ ...(await columns('typed')), ...widened }, await columns('typed'));
    assert.deepEqual(await query('select i, n, s, b, j, m, later from typed'), [
      [1, 1, 'x', true, { a: [1] }, 1, null],
      [null, 0.5, null, null, [], 'text', false],
      [null, null, null, null, null, null, null],
    ]);
    assert.deepEqual(await query('with x as (select b, j from typed where b) select * from x'), [
      [true, { a: [1] }],
    ]);
  });

  it('gives back integers that JSON cannot hold as text', async () => {
    await record('large', [{ n: 2 ** 53 - 1 }, { n: 2 ** 53 - 1 }]);
    assert.deepEqual(await query('select max(n), sum(n) from large'), [[2 ** 53 - 1, '18014398509481982']]);
  });

  it('takes any name and any text', async () => {
    const odd = {
      select: 1,
      'a"b': 2,
      "it's": 3,
      '📈': 4,
      'a b;--': 5,
      '$.x': 6,
      'a\\b': 7,
      run_id: 'mine',
      A: 8,
      a: 9,
    };
    const texts = ['', "'; drop table runs; --", '💥\u2028', 'line\nbreak', '\\u0041'];
    await record('odd', [odd, ...texts.map((text) => ({ '📈': text }))]);
    assert.deepEqual(
      await query(`select "select", "a""b", "it's", "a b;--", "$.x", "a\\b" from odd limit 1`),
      [[1, 2, 3, 5, 6, 7]],
    );
    assert.deepEqual(Object.keys(await columns('odd')).slice(-3), ['run_id_2', 'A', 'a_2']);
    assert.deepEqual(await query('select run_id_2, "A", a_2 from odd limit 1'), [['mine', 8, 9]]);
    assert.deepEqual(
      await query('select "📈" from odd'),
      [4, ...texts].map((text) => [text]),
    );
  });

  it('takes the place of what the run had recorded before', async () => {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    const rows = (...values: number[]): NewRecords[] => [
      { table: 'again', processor: 'p', rows: values.map((value) => ({ value })) },
    ];
    await store().commit([{ ...commitOf(row, 1), records: rows(1, 2) }], NO_LIMITS);
    await store().commit([{ ...commitOf({ ...row, seq: 1 }, 1), records: rows(3) }], NO_LIMITS);
    assert.deepEqual(await query('select value from again'), [[3]]);
    await store().commit([{ ...commitOf({ ...row, seq: 2 }, 1), records: [] }], NO_LIMITS);
    assert.deepEqual(await store().listRecordTables(), []);
  });

  it('stores nothing of a commit with rows that cannot be records, and says which', async () => {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    const commit = (table: string, rows: unknown) =>
      store().commit(
        [{ ...commitOf(row, 1), records: [{ table, processor: 'p', rows: rows as JsonObject[] }] }],
        NO_LIMITS,
      );
    let deep: JsonValue = 1;
    for (let i = 0; i < 100; i += 1) deep = [deep];
    const wide = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`c${i}`, i]));
    const wrong: [string, unknown, RegExp][] = [
      ['t', [{ a: 1 }, 7], /"t" have a number as row 2; a row is an object/],
      ['t', [{ a: 1 }, [1]], /have a list as row 2/],
      ['t', [null], /have nothing as row 1/],
      ['t', { a: 1 }, /are an object, not a list of rows/],
      ['t', [{ fine: 1 }, { deep }], /more than 100 levels in column "deep" of row 2/],
      ['t', [{ '': 1 }], /a column "", which cannot be the name/],
      ['t', [{ 'a\0b': 1 }], /1 to 100 characters and no NUL/],
      ['t', [wide], /have 1001 columns; a table has at most 1000/],
      ['', [], /"" cannot be the name of a table/],
      ['x'.repeat(101), [], /cannot be the name of a table/],
    ];
    for (const [table, rows, message] of wrong) {
      await assert.rejects(commit(table, rows), { code: 'invalid_argument', message });
    }
    assert.equal((await store().getRun(row.runId))?.seq, 0);
    assert.deepEqual(await store().listRecordTables(), []);
  });

  it('refuses what is no query, and says what there is', async () => {
    await assert.rejects(store().queryRecords('select * from temperatures'), {
      message: /no such table: temperatures\. No run has left records yet/,
    });
    await record('temperatures', [{ city: 'Köln', celsius: 21.5 }]);
    await record('levels', [{ metres: 1 }]);
    const wrong: [string, RegExp][] = [
      ['select * from temprature', /no such table: temprature\. Did you mean temperatures\?/],
      ['select * from zebras', /no such table: zebras\. There is levels, temperatures\./],
      ['select celcius from temperatures', /celcius.*Did you mean celsius\?/s],
      ['select altitude from temperatures', /altitude.*temperatures has city, celsius, run_id/s],
      ['selekt 1', /selekt/],
      ['', /cannot be run/],
      ['select 1; select 2', /one statement/],
      ['delete from temperatures', /The query cannot be run/],
      ["insert into temperatures (city) values ('x')", /The query cannot be run/],
      ['drop view temperatures', /The query cannot be run/],
      ['create table x (a text)', /The query cannot be run/],
      ['select token from executors', /no such table: executors\. There is/],
      ['select count(*) from runs', /no such table: runs/],
    ];
    for (const [sql, message] of wrong) {
      await assert.rejects(store().queryRecords(sql), { code: 'invalid_argument', message }, sql);
    }
    assert.deepEqual(await query('select city from temperatures; -- that is all'), [['Köln']]);
  });

  it('reads rows as they are asked for, and ends a query wherever it stands', async () => {
    await record(
      'numbers',
      Array.from({ length: 1_000 }, (_, n) => ({ n, text: 'x'.repeat(100) })),
    );
    const millions = 'select a.n * b.n as product, a.text from numbers as a, numbers as b';
    let seen = 0;
    for await (const _ of (await store().queryRecords(millions)).rows) {
      seen += 1;
      if (seen === 5_000) break;
    }
    assert.equal(seen, 5_000);
    // Counts for hours without a row.
    const abort = new AbortController();
    const endless = 'select count(*) from numbers a, numbers b, numbers c, numbers d, numbers e';
    const counting = store().queryRecords(endless, abort.signal);
    const read = counting.then(async ({ rows }) => {
      for await (const row of rows) assert.fail(`row ${row}`);
    });
    await counting;
    abort.abort(new Error('enough'));
    await assert.rejects(read, /enough/);
  });

  it('ends queries that nobody reads when the store is closed', async () => {
    await record('numbers', [{ n: 1 }]);
    await store().queryRecords('select * from numbers');
    await store().close();
  });
}
