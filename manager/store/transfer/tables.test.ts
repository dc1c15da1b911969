import assert from 'node:assert/strict';
import { test } from 'node:test';
import { is } from 'drizzle-orm';
import { getTableConfig as ofPostgres, PgTable } from 'drizzle-orm/pg-core';
import { getTableConfig as ofSqlite, SQLiteTable } from 'drizzle-orm/sqlite-core';
import * as postgres from '../postgres/schema.ts';
import * as sqlite from '../sqlite/schema.ts';
import { LEFT_OUT, TABLES } from './tables.ts';

const tablesOf: Record<string, () => { name: string; columns: { name: string }[] }[]> = {
  SQLite: () =>
    Object.values(sqlite)
      .filter((one) => is(one, SQLiteTable))
      .map((one) => ofSqlite(one)),
  PostgreSQL: () =>
    Object.values(postgres)
      .filter((one) => is(one, PgTable))
      .map((one) => ofPostgres(one)),
};

for (const [kind, tables] of Object.entries(tablesOf)) {
  test(`every table and column of ${kind} is copied, or it is said why not`, () => {
    const known = new Map(TABLES.map(({ name, columns }) => [name, Object.keys(columns)]));
    const found = tables();
    assert.ok(found.length >= TABLES.length);
    const undecided = found.flatMap(({ name, columns }) =>
      columns
        .map((column) => `${name}.${column.name}`)
        .filter((path) => LEFT_OUT[name] === undefined && LEFT_OUT[path] === undefined)
        .filter((path) => !known.get(name)?.includes(path.slice(name.length + 1))),
    );
    assert.deepEqual(undecided, [], 'decide on them in tables.ts');
    const there = new Set(found.flatMap(({ name, columns }) => columns.map((c) => `${name}.${c.name}`)));
    const gone = TABLES.flatMap(({ name, columns }) => Object.keys(columns).map((c) => `${name}.${c}`));
    assert.deepEqual(
      gone.filter((path) => !there.has(path)),
      [],
      'copied, and not there',
    );
  });
}
