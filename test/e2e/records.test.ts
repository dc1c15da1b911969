/** Records: what `outputs.records` stores, and what `wiz data` answers. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace, until } from './place.ts';

const place = newPlace();
after(() => place.leave());

const query = (sql: string, ...flags: string[]) => place.out(['data', 'query', sql, ...flags]);
// biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
const rows = async (sql: string): Promise<any[]> => JSON.parse(await query(sql, '--json'));
/** A pipeline that stores the JSON of a file. */
const storing = (name: string, table: string) =>
  place.write(
    `${name}.yaml`,
    `name: ${name}
params: { from: rows.json }
processors: { read: { program: [cat, "\${FROM}"], data: json } }
outputs: { records: { table: ${table}, rows: "${'${{ outputs.read }}'}" } }
`,
  );

test('records from instances, from several processors, over runs: joined, filtered and counted', async () => {
  place.write(
    'weather.yaml',
    `name: weather
params: { warmer: 0 }
processors:
  cities: { run: "echo '[\\"Oslo\\", \\"Rome\\", \\"Bern\\"]'", data: json }
  measure:
    needs: cities
    each: ${'${{ outputs.cities }}'}
    run: echo "{\\"city\\":\\"${'${{ item }}'}\\",\\"degrees\\":$((${'${{ index }}'} * 10 + WARMER))}"
    data: json
outputs:
  records:
    - { table: temperatures, rows: "${'${{ outputs.measure }}'}" }
    - { table: measured, rows: "${"${{ {'warmer': params.warmer, 'cities': size(outputs.measure)} }}"}" }
`,
  );
  for (const warmer of [0, 5, 7]) await place.out(['run', 'weather.yaml', '-p', `warmer=${warmer}`]);
  const found = await rows(
    `select city, count(*) n, avg(degrees) mean, max(warmer) warmest from temperatures
     join measured using (run_id) where degrees > 6 group by city order by city`,
  );
  assert.deepEqual(found, [
    { city: 'Bern', n: 3, mean: 24, warmest: 7 },
    { city: 'Oslo', n: 1, mean: 7, warmest: 7 },
    { city: 'Rome', n: 3, mean: 14, warmest: 7 },
  ]);
  const runs = await place.json(['runs', 'list']);
  assert.deepEqual(
    await rows('select distinct run_id, pipeline, processor from temperatures order by run_id desc'),
    runs.map(({ runId }: { runId: string }) => ({
      run_id: runId,
      pipeline: 'weather',
      processor: 'measure',
    })),
  );
  assert.equal((await rows('select * from temperatures where recorded_at > date()')).length, 9);
});

test('a column whose values change their type, odd names, null, booleans and nested values come back as they were', async () => {
  storing('odd', 'odd');
  const first = [
    {
      v: 1,
      ok: true,
      nil: null,
      nest: { a: [1, { b: 'é' }] },
      select: 1,
      'two words': "it's",
      'a"b': 2,
      ünï: 3,
    },
    { v: 2.5, ok: false, nest: [], A: 'other case of a"b? no' },
  ];
  const second = [{ v: 'text', ok: null, run_id: 'mine', added: 'later', a: 1 }, {}];
  place.write('one.json', JSON.stringify(first));
  place.write('two.json', JSON.stringify(second));
  await place.out(['run', 'odd.yaml', '-p', 'from=one.json']);
  await place.out(['run', 'odd.yaml', '-p', 'from=two.json']);
  const [one, two, three, four] = await rows('select * from odd');
  for (const [name, value] of Object.entries(first[0]!)) assert.deepEqual(one[name], value, name);
  assert.deepEqual([two.v, two.ok, two.nest, two.nil, two.A], [2.5, false, [], null, first[1]!.A]);
  assert.deepEqual(
    [three.v, three.ok, three.added, three.run_id_2, three.a_2],
    ['text', null, 'later', 'mine', 1],
  );
  assert.match(three.run_id, /^\w{27}$/);
  assert.deepEqual([four.v, four.added], [null, null]);
  const [{ columns }] = (await place.json(['data', 'tables'])).filter(
    ({ name }: { name: string }) => name === 'odd',
  );
  const types = Object.fromEntries(
    columns.map((column: { name: string; type: string }) => [column.name, column.type]),
  );
  assert.deepEqual(
    [types.v, types.ok, types.nest, types.select, types['two words'], types.added],
    ['mixed', 'boolean', 'json', 'integer', 'text', 'text'],
  );
  assert.deepEqual(await rows(`select "two words" w, "a""b" q, "select" s from odd where ünï = 3`), [
    { w: "it's", q: 2, s: 1 },
  ]);
  assert.deepEqual(await rows(`select json_extract(nest, '$.a[1].b') b from odd where b is not null`), [
    { b: 'é' },
  ]);
});

test('50,000 rows are stored in one step and come out as they went in, as lines, CSV and JSON', async () => {
  storing('many', 'many');
  const wanted = Array.from({ length: 50_000 }, (_, id) => ({ id, name: `name ${id}`, half: id / 2 }));
  place.write('rows.json', JSON.stringify(wanted));
  await place.out(['run', 'many.yaml']);
  assert.deepEqual(await rows('select id, name, half from many order by id'), wanted);
  assert.equal((await query('select * from many', '--csv')).trimEnd().split('\n').length, 50_001);
  assert.equal(await query('select count(*) n, sum(id) s from many'), 'n\ts\n50000\t1249975000\n');
});

test('CSV quotes what has to be, and null is not the empty text', async () => {
  const csv = await query(`select 'a,b' a, 'say "x"' b, '' c, null d, 'l1' || char(10) || 'l2' e`, '--csv');
  assert.equal(csv.replaceAll('\r\n', '\n'), 'a,b,c,d,e\n"a,b","say ""x""","",,"l1\nl2"\n');
  assert.equal(
    await query(`select 'tab' || char(9) || 'x' a, 'l1' || char(10) b, '\\' c`),
    'a\tb\tc\ntab\\tx\tl1\\n\t\\\\\n',
  );
});

test('a query is one SELECT over records: everything else is refused, and says why', async () => {
  for (const sql of [
    'delete from many',
    'drop table many',
    "attach '/tmp/x.db' as x",
    "vacuum into '/tmp/wiz-test-copy.db'",
    'pragma table_info(many)',
    'select * from executors',
    'select token from main.executors',
    "select * from pragma_table_info('executors')",
    'select 1; delete from many',
    "select load_extension('x')",
    "select writefile('/tmp/wiz-test-file', 'x')",
    'select nothing from many',
    'not sql at all',
  ]) {
    const { code, stdout, stderr } = await place.run(['data', 'query', sql]);
    assert.equal(code, 2, `${sql}\n${stdout}${stderr}`);
    assert.match(stderr, /The query cannot be run: /, sql);
    assert.doesNotMatch(stdout + stderr, /[A-Za-z0-9_-]{43}/, 'no token');
  }
  assert.deepEqual(await rows('select count(*) n from many'), [{ n: 50_000 }]);
  const piped = await place.out(['data', 'query', '-'], { input: 'select 1 as one -- from a file\n' });
  assert.equal(piped, 'one\n1\n');
});

test('a query without end is ended by Ctrl-C at once, before its first row as while rows come', async () => {
  const endless = 'with recursive n(x) as (select 1 union all select x + 1 from n) select';
  const silent = place.start(['data', 'query', `${endless} max(x) from n`]);
  await silent.prints(/max\(x\)/);
  silent.child.kill('SIGINT');
  assert.equal((await silent.ended).code, 'SIGINT');
  const rich = place.start(['data', 'query', `${endless} x from n`]);
  await until('rows come', () => rich.stdout.length > 1_000);
  rich.child.kill('SIGINT');
  assert.equal((await rich.ended).code, 'SIGINT');
});

test('what a run recorded is replaced when it succeeds again; a run that fails records nothing', async () => {
  place.write(
    'again.yaml',
    `name: again
processors:
  a: { run: 'echo "[{\\"attempt\\": $WIZ_ATTEMPT}]"; echo $WIZ_ATTEMPT > "$WIZ_FILES/n"', data: json }
  b: { needs: a, run: "test ! -e broken" }
outputs:
  files: { n.txt: "${'${{ files.a.n }}'}" }
  records: { table: again, rows: "${'${{ outputs.a }}'}" }
`,
  );
  place.write('broken', '');
  assert.equal((await place.run(['run', 'again.yaml'])).code, 1);
  assert.equal((await place.run(['data', 'query', 'select * from again'])).code, 2, 'there is no such table');
  assert.deepEqual(await place.json(['files', 'ls', 'latest']), []);
  rmSync(join(place.folder, 'broken'));
  await place.out(['runs', 'retry', 'latest']);
  assert.deepEqual(await rows('select attempt from again'), [{ attempt: 1 }]);
  await place.out(['runs', 'retry', 'latest', '--from', 'a']);
  assert.deepEqual(await rows('select attempt from again'), [{ attempt: 2 }]);
  assert.equal(await place.out(['files', 'cat', 'again/n.txt']), '2\n');
  assert.equal((await place.json(['files', 'ls', 'latest'])).length, 1);
});

const BAD_ROWS: [rows: string, reason: RegExp][] = [
  ['outputs.a.none.deep', /bad-expression .*There is no "none" in outputs\.a/],
  ['outputs.a.text', /wants a list of objects.* is the text "x"/],
  ['outputs.a.mixed', /one row of .* is the number 5/],
  ['outputs.a.nil', /is null/],
  ['outputs.a.blank', /a column ""/],
];

test('outputs that cannot be had fail the run with their reason, and nothing of it is stored; mended, it goes on', async () => {
  const write = (expression: string) =>
    place.write(
      'wrong.yaml',
      `name: wrong
processors:
  a: { run: 'echo "{\\"text\\": \\"x\\", \\"mixed\\": [{}, 5], \\"nil\\": null, \\"blank\\": [{\\"\\": 1}]}"', data: json }
outputs:
  files: { a.json: "${'${{ outputs.a }}'}" }
  records: { table: wrong, rows: "\${{ ${expression} }}" }
`,
    );
  for (const [expression, reason] of BAD_ROWS) {
    write(expression);
    assert.equal((await place.run(['run', 'wrong.yaml'])).code, 1, expression);
    const { run } = await place.json(['runs', 'get', 'latest']);
    assert.equal(run.state, 'RUN_STATE_FAILED');
    assert.match(`${run.reason} ${run.message}`, reason, expression);
    assert.deepEqual(await place.json(['files', 'ls', 'latest']), []);
  }
  const tables = await place.json(['data', 'tables']);
  assert.ok(!tables.some(({ name }: { name: string }) => name === 'wrong'));
  // What the failure advises: nothing is done again, and the outputs are found out anew.
  assert.equal((await place.run(['runs', 'retry', 'latest'])).code, 1);
  write("[{'text': outputs.a.text}]");
  await place.out(['runs', 'retry', 'latest', '--file', 'wrong.yaml']);
  assert.deepEqual(await rows('select text from wrong'), [{ text: 'x' }]);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(processors[0].attempts.length, 1);
});
