import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, test } from 'node:test';
import { parse, testRefusals, withProcessors } from './fixtures/refusals.ts';
import { tableProblem } from './record-tables.ts';

const withOutputs = (outputs: string) => `outputs: ${outputs}\n${withProcessors('a: { run: x }')}`;

describe('outputs are refused', () => {
  const path = (name: string, problem: string): [string, string, string[]] => [
    `with the path ${JSON.stringify(name)}`,
    withOutputs(`{ files: { ${JSON.stringify(name)}: x } }`),
    [`p.yaml:1:21: the name "${name}" in "outputs.files" ${problem}.`],
  ];
  testRefusals([
    path('../a', 'must not lead out of its folder with ".."'),
    path('a/../../b', 'must not lead out of its folder with ".."'),
    path('/a', 'must be a relative path'),
    path('C:/a', 'must be a relative path'),
    path('a\0b', 'must hold no control characters'),
    path('a\nb', 'must hold no control characters'),
    path('./', 'must name a file'),
    path('${DATE}.txt', 'must be written out: macros and expressions do not work in it'),
    path('a'.repeat(256), 'must have at most 255 bytes in each part and 1024 in all'),
    [
      'with the same path twice',
      withOutputs('{ files: { a/b: x, ./a//b: y, a/b/: z } }'),
      [
        'p.yaml:1:29: the path "./a//b" in "outputs.files" is the same as "a/b". Remove or rename one.',
        'p.yaml:1:40: the path "a/b/" in "outputs.files" is the same as "a/b". Remove or rename one.',
      ],
    ],
    [
      'with tables that a database would not take',
      withOutputs(
        `{ records: [${['T', 'sqlite_x', 'pg_x', 'order'].map((table) => `{ table: ${table}, rows: "\${{ [] }}" }`)}] }`,
      ),
      [
        'p.yaml:1:31: "outputs.records[0].table" must start with a small letter, and hold only small letters, digits and "_" (at most 63).',
        'p.yaml:1:63: "outputs.records[1].table" must not start with "sqlite_" or "pg_", which databases keep for themselves.',
        'p.yaml:1:102: "outputs.records[2].table" must not start with "sqlite_" or "pg_", which databases keep for themselves.',
        'p.yaml:1:137: "outputs.records[3].table" must not be "order", which is a word of SQL.',
      ],
    ],
    [
      'with rows that are no expression',
      withOutputs('{ records: { table: t, rows: outputs.a } }'),
      [
        'p.yaml:1:39: "outputs.records.rows" must be one expression, not "outputs.a". Write for example ${{ outputs.NAME }}.',
      ],
    ],
  ]);
});

test('paths are in their shortest form, and records a list', async () => {
  const [pipeline] = await parse(
    withOutputs('{ files: { ./a//b/: 1.10 }, records: { table: t, rows: "${{ outputs.a }}" } }'),
  );
  assert.deepEqual(pipeline!.spec.outputs, {
    files: { 'a/b': '1.10' },
    records: [{ table: 't', rows: '${{ outputs.a }}' }],
  });
});

test('whatever name of a table is taken, SQLite takes it without quotes', () => {
  const database = new DatabaseSync(':memory:');
  // All words of SQLite's own grammar: https://sqlite.org/lang_keywords.html
  const words =
    `abort action add after all alter always analyze and as asc attach autoincrement before begin between by
    cascade case cast check collate column commit conflict constraint create cross current current_date current_time
    current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
    except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
    groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join
    key last left like limit match materialized natural no not nothing notnull null nulls of offset on or order
    others outer over partition plan pragma preceding primary query raise range recursive references regexp reindex
    release rename replace restrict returning right rollback row rows savepoint select set table temp temporary then
    ties to transaction trigger unbounded union unique update using vacuum values view virtual when where window
    with without`.split(/\s+/);
  const taken = words.filter((word) => tableProblem(word) === undefined);
  assert(taken.length > 50);
  for (const word of taken) {
    database.exec(`create view "${word}" as select 1 as a`);
    database.prepare(`select ${word}.a from ${word} join (select 1 as b) z on z.b = ${word}.a`).all();
  }
  database.close();
});
