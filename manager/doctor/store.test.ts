import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, suite, test } from 'node:test';
import { postgresForTests } from '../../test/postgres.ts';
import { openStore } from '../store/open-store.ts';
import { storeFindings } from './store.ts';

const server = postgresForTests();
const folder = mkdtempSync(join(tmpdir(), 'wiz-doctor-'));
after(() => rmSync(folder, { recursive: true }));

async function found(address: string): Promise<string> {
  const [finding] = await storeFindings(address);
  return `${finding!.verdict}: ${finding!.message}`;
}

suite('what is found of a store', () => {
  test('a SQLite file that is not there, ours, of a newer wiz, of another program', async () => {
    const path = join(folder, 'wiz.db');
    const address = `sqlite:${path}`;
    assert.match(await found(address), /^ok: .*wiz\.db \(is made at the first start\)$/);
    await (await openStore(address)).close();
    assert.match(await found(address), /^ok: .*wiz\.db, schema \d+$/);
    change(path, 'PRAGMA user_version = 9999');
    assert.match(await found(address), /^fail: .*newer wiz.*9999/);
    const foreign = join(folder, 'foreign.db');
    change(foreign, 'CREATE TABLE runs (of_another text)');
    assert.match(await found(`sqlite:${foreign}`), /^fail: .*foreign\.db is the database of another program/);
  });

  test('a PostgreSQL database that is empty, ours, of a newer wiz, of another program', async () => {
    const { newDatabase, execute } = await server();
    const nameOf = (address: string) => new URL(address).pathname.slice(1);
    const address = await newDatabase();
    assert.match(await found(address), /^ok: .*, empty/);
    await (await openStore(address)).close();
    assert.match(await found(address), /^ok: .*, schema \d+$/);
    await execute('UPDATE wiz.wiz_schema SET version = 9999', nameOf(address));
    assert.match(await found(address), /^fail: .*newer wiz.*9999/);
    const foreign = await newDatabase();
    await execute('CREATE SCHEMA wiz; CREATE TABLE wiz.x (y int)', nameOf(foreign));
    assert.match(await found(foreign), /^fail: .*is that of another program/);
  });

  test('what is no address', async () => {
    assert.match(await found('mysql://u:hunter2@h/d'), /^fail: "mysql:…" is no address of a store/);
  });
});

function change(path: string, sql: string): void {
  const client = new DatabaseSync(path);
  client.exec(sql);
  client.close();
}
