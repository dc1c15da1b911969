import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endedRun } from './conformance/data.ts';
import { executorRow } from './conformance/rows.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

/** What a query must not reach, beside what every store refuses (see conformance/records.ts). */
describe('queries of a SQLite store', () => {
  let folder: string;
  let path: string;
  let store: Store;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wiz-queries-'));
    path = join(folder, 'wiz.db');
    store = await openSqliteStore(path);
    const rows = Array.from({ length: 100 }, (_, n) => ({ n, list: [n], text: `text ${n}` }));
    await endedRun(store, () => ({
      records: [
        { table: 't', processor: 'p', rows },
        // Named as a table of the store is.
        { table: 'executors', processor: 'p', rows: [{ n: 7 }] },
      ],
    }));
    await store.putExecutor(executorRow({ token: 'very-secret' }));
  });
  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function query(sql: string): Promise<unknown[][]> {
    const rows: unknown[][] = [];
    for await (const row of (await store.queryRecords(sql)).rows) rows.push(row);
    return rows;
  }

  it('see nothing but records', async () => {
    for (const sql of [
      'select * from main.executors',
      'select token from managers, main.executors',
      'with t as (select token as n from main.executors) select n from t',
      'select (select token from main.executors limit 1) from t',
      'select n from t where exists (select 1 from main.executors where token like n)',
      'select * from sqlite_master',
      'select * from sqlite_schema',
      'select * from temp.sqlite_master',
      'select count(*) from runs',
      'select 1 from runs, t',
      'select count(*) from main.executors',
      'with x as (select count(*) from leases) select 1 from x',
      'select * from sqlite_temp_master',
      'select rowid, * from main.executors',
      'select * from "main"."EXECUTORS"',
      'with executors as (select token from main.executors) select * from executors',
      'select * from main.records',
      'select * from main.record_sets',
      "select * from pragma_table_info('executors')",
      'select * from pragma_function_list',
      'select * from dbstat',
      "select * from json_each('[1]') join main.executors",
      'select n from t union all select token from main.executors',
      'select n from t order by (select token from main.executors)',
      'with recursive r(x) as (select token from main.executors union select x from r) select * from r',
    ]) {
      await assert.rejects(query(sql), { code: 'invalid_argument' }, sql);
    }
    assert.deepEqual(await query('select n from executors'), [[7]]);
  });

  it('change nothing, in no file', async () => {
    const before = readFileSync(path);
    const out = join(folder, 'out.db');
    for (const sql of [
      `attach '${out}' as other`,
      `vacuum into '${out}'`,
      'vacuum',
      'pragma writable_schema = 1',
      'pragma query_only = 0',
      'begin immediate',
      'update t set n = 1',
      'delete from main.runs',
      'with x as (select 1) delete from main.runs',
      'create temp table x as select 1',
      'create temp view x as select * from main.executors',
      'create virtual table temp.x using fts5(a)',
      'reindex',
      'analyze',
      'detach main',
      'savepoint x',
      "select load_extension('/tmp/x.so')",
      "select fts3_tokenizer('x')",
      "select sqlite_log(1, 'x')",
      'drop table main.runs',
      'alter table main.runs rename to x',
      'explain delete from main.runs',
    ]) {
      await assert.rejects(query(sql), { code: 'invalid_argument' }, sql);
    }
    assert.ok(!existsSync(out));
    assert.ok(before.equals(readFileSync(path)));
    assert.deepEqual(readdirSync(folder).sort(), ['wiz.db', 'wiz.db-shm', 'wiz.db-wal']);
  });

  it('compute with what SQLite has', async () => {
    assert.deepEqual(
      await query(`select median(n), upper(max(text)), json_group_array(n) filter (where n < 3),
        group_concat(n, '-') filter (where n < 3), date(0, 'unixepoch'), sqrt(4) from t`),
      [[49.5, 'TEXT 99', '[0,1,2]', '0-1-2', '1970-01-01', 2]],
    );
    assert.deepEqual(
      await query(
        'select e.value from t, json_each(t.list) as e where n = 5 union all select row_number() over () from executors',
      ),
      [[5], [1]],
    );
    assert.deepEqual(
      await query('with runs as (select n from t) select (select count(*) from runs), count(*) from t'),
      [[100, 100]],
    );
    assert.deepEqual(await query("select x'00ff', 9e999, null, list from t limit 1"), [
      ['AP8=', 'Infinity', null, [0]],
    ]);
    // A union may bring into a column what is not of its type.
    assert.deepEqual(await query("select list from t where n = 1 union all select '{not json'"), [
      [[1]],
      ['{not json'],
    ]);
    await assert.rejects(query("select json_extract(text, '$') from t"), {
      code: 'invalid_argument',
      message: /malformed JSON/,
    });
  });

  it('end with the process that asks, also by kill -9', async () => {
    const fixture = fileURLToPath(new URL('fixtures/querier.ts', import.meta.url));
    const asker = spawn(process.execPath, [fixture, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await Promise.race([once(asker.stdout, 'data'), once(asker, 'exit')]);
    assert.equal(String(said), 'asked\n');
    const children = `/proc/${asker.pid}/task/${asker.pid}/children`;
    const pids = existsSync(children) ? readFileSync(children, 'utf8').trim().split(' ') : [];
    const ended = once(asker, 'exit');
    asker.kill('SIGKILL');
    await ended;
    const deadline = Date.now() + 5_000;
    for (const pid of pids) {
      while (isRunning(pid)) {
        assert.ok(Date.now() < deadline, `${pid} goes on`);
        await sleep(10);
      }
    }
  });
});

function isRunning(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
