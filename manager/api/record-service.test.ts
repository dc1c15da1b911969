import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Code, type ConnectError } from '@connectrpc/connect';
import { openPast, type Past } from './past-runs.fixture.ts';

describe('RecordService', () => {
  let past: Past;
  let runId: string;
  before(async () => {
    past = await openPast();
    const run = await past.begin('weather', [{ name: 'measure' }]);
    await run.succeeded('measure');
    const rows = Array.from({ length: 5_000 }, (_, n) => ({ n, note: 'x'.repeat(200), tags: { n } }));
    await run.commit([{ table: 'measures', processor: 'measure', rows }]);
    runId = run.runId;
  });
  after(() => past.close());

  it('tells the tables and their columns', async () => {
    const { tables } = await past.recordApi.listTables({});
    assert.deepEqual(
      tables.map(({ name, rows, columns }) => [
        name,
        rows,
        columns.map((column) => `${column.name} ${column.type}`),
      ]),
      [['measures', 5_000, ['n integer', 'note text', 'tags json']]],
    );
  });

  it('streams the columns and then the rows', async () => {
    const messages = [];
    const sql = 'select n, tags, run_id from measures order by n';
    for await (const message of past.recordApi.queryRecords({ sql })) messages.push(message);
    assert.deepEqual(messages[0]!.columns, ['n', 'tags', 'run_id']);
    const rows = messages.flatMap(({ rowsJson }) => rowsJson.map((row) => JSON.parse(row)));
    assert.equal(rows.length, 5_000);
    assert.deepEqual(rows[4_999], [4_999, { n: 4_999 }, runId]);
  });

  it('tells what is wrong with a query', async () => {
    const query = async (sql: string) => {
      for await (const _ of past.recordApi.queryRecords({ sql }));
    };
    await assert.rejects(query('select * from measure'), (error: ConnectError) => {
      assert.equal(error.code, Code.InvalidArgument);
      assert.match(error.rawMessage, /no such table: measure\. Did you mean measures\?/);
      return true;
    });
    // Found out when rows are read.
    await assert.rejects(query("select json_extract(note, '$') from measures"), {
      code: Code.InvalidArgument,
    });
  });

  it('ends a query that nobody wants any more, also one without an end', async () => {
    const abort = new AbortController();
    const sql = 'with recursive c(n) as (select 1 union all select n + 1 from c) select n from c where n < 0';
    await assert.rejects(
      async () => {
        for await (const _ of past.recordApi.queryRecords({ sql }, { signal: abort.signal })) abort.abort();
      },
      { code: Code.Canceled },
    );
  });
});
