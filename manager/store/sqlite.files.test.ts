import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { EventBatchSchema } from '../../proto/gen/wiz/v1/events_pb.js';
import { splitBatch } from './batches.ts';
import { cacheEntry, fileLink } from './conformance/data.ts';
import { commitOf, NO_LIMITS, runRow, someEvents } from './conformance/rows.ts';
import { embed, SQLITE } from './generate-migrations.ts';
import { MIGRATIONS } from './migrations/embedded.ts';
import { connect } from './sqlite/connection.ts';

import * as schema from './sqlite/schema.ts';
import { openSqliteStore, sqliteStore } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'wiz-store-'));
after(() => rmSync(folder, { recursive: true }));
const fresh = (name: string) => join(folder, name, 'wiz.db');

describe('the file of a SQLite store', () => {
  it('is private: folder 0700, files 0600', async () => {
    const path = fresh('private');
    const store = await openSqliteStore(path);
    await store.createRun(runRow(), [], null);
    assert.equal(statSync(join(folder, 'private')).mode & 0o777, 0o700);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600);
    await store.close();
  });

  it('keeps everything between openings', async () => {
    const path = fresh('kept');
    const row = runRow({ seq: 3 });
    const first = await openSqliteStore(path);
    await first.createRun(row, someEvents(1, 3), null);
    await first.close();
    const second = await openSqliteStore(path);
    assert.deepEqual(await second.getRun(row.runId), row);
    await second.close();
  });

  it('is refused when a newer wiz wrote it', async () => {
    const path = fresh('newer');
    await (await openSqliteStore(path)).close();
    alter(path, 'PRAGMA user_version = 9999');
    await assert.rejects(openSqliteStore(path), {
      code: 'failed_precondition',
      message: /newer wiz.*upgrade/s,
    });
  });

  it('is refused when it is of another program', async () => {
    const path = fresh('foreign');
    mkdirSync(join(folder, 'foreign'));
    alter(path, 'CREATE TABLE cookies (name text)');
    await assert.rejects(openSqliteStore(path), { code: 'failed_precondition', message: /another program/ });
  });

  it('is refused when it is damaged or no database, and left as it was', async () => {
    const path = fresh('garbage');
    mkdirSync(join(folder, 'garbage'));
    const garbage = 'this is no database\n'.repeat(1_000);
    writeFileSync(path, garbage);
    await assert.rejects(openSqliteStore(path), {
      code: 'unavailable',
      message: /damaged or not a database/,
    });
    assert.equal(readFileSync(path, 'utf8'), garbage);

    const cut = fresh('cut');
    const store = await openSqliteStore(cut);
    const row = runRow({ seq: 5_000 });
    await store.createRun(row, someEvents(1, 5_000, 100), null);
    await store.close();
    truncateSync(cut, 64 * 1024);
    await assert.rejects(openSqliteStore(cut), { code: 'unavailable', message: /cut\/wiz\.db is damaged/ });
  });

  it('names the place when it cannot be made', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await assert.rejects(openSqliteStore(join(file, 'wiz.db')), {
      name: 'WizError',
      message: /file\/wiz\.db/,
    });
    mkdirSync(fresh('directory'), { recursive: true });
    await assert.rejects(openSqliteStore(fresh('directory')), {
      code: 'unavailable',
      message: /cannot be opened/,
    });
  });

  it('is refused with a sentence when it is read-only', {
    skip: process.getuid?.() === 0 && 'root writes to read-only files too',
  }, async () => {
    const path = fresh('read-only');
    await (await openSqliteStore(path)).close();
    chmodSync(path, 0o400);
    const store = await openSqliteStore(path);
    await assert.rejects(store.createRun(runRow(), [], null), { code: 'unavailable', message: /read-only/ });
    await store.close();
  });

  it('takes nothing of a commit when it is full, and goes on when there is room', async () => {
    const connection = await connect(fresh('full'));
    const store = sqliteStore(connection);
    const row = runRow({ managerId: 'm1' });
    const other = runRow({ managerId: 'm1' });
    for (const one of [row, other]) await store.createRun(one, [], 'm1');
    connection.client.exec('PRAGMA max_page_count = 60');
    const large = { row: { ...row, seq: 1 }, events: someEvents(1, 1, 1_000_000) };
    await assert.rejects(store.commit([commitOf(other, 1), large], NO_LIMITS), {
      code: 'resource_exhausted',
      message: /no space left.*nothing of this was stored.*make room/s,
    });
    for (const one of [row, other]) assert.deepEqual(await store.getRun(one.runId), one);
    const created = runRow({ seq: 1 });
    await assert.rejects(store.createRun(created, someEvents(1, 1, 1_000_000), 'm1'), {
      code: 'resource_exhausted',
    });
    assert.equal(await store.getRun(created.runId), undefined);
    connection.client.exec('PRAGMA max_page_count = 100000');
    assert.deepEqual(await store.commit([large], NO_LIMITS), { fenced: [], exceeded: [] });
    await store.close();
  });

  it('waits in order, without blocking, while another connection holds the lock', async () => {
    const path = fresh('locked');
    const store = await openSqliteStore(path);
    const row = runRow({ managerId: 'm1' });
    await store.createRun(row, [], 'm1');
    const holder = new DatabaseSync(path);
    holder.exec('BEGIN IMMEDIATE');
    let held = true;
    const first = store.commit([commitOf(row, 1)], NO_LIMITS).then(() => assert.equal(held, false));
    const second = store.commit([commitOf({ ...row, seq: 1 }, 1)], NO_LIMITS);
    // Comes round only when the event loop is free.
    await new Promise((resolve) => setImmediate(resolve));
    held = false;
    holder.exec('COMMIT');
    holder.close();
    await Promise.all([first, second]);
    assert.equal((await store.getRun(row.runId))?.seq, 2);
    await store.close();
  });
});

describe('migrations', () => {
  it('are embedded as the folder has them', () => {
    const embedded = readFileSync(join(SQLITE.folder, 'embedded.ts'), 'utf8');
    assert.equal(embedded, embed(SQLITE), 'run npm run migrations');
  });

  it('bring the database of the first wiz up to date, with all that is in it', async () => {
    const path = fresh('first');
    mkdirSync(join(folder, 'first'));
    const client = new DatabaseSync(path);
    for (const statement of MIGRATIONS[0]!.statements) client.exec(statement);
    client.exec('PRAGMA application_id = 0x77697a31; PRAGMA user_version = 1');
    const row = runRow({ seq: 3, managerId: 'm1' });
    insert(client, 'runs', {
      run_id: row.runId,
      pipeline: row.pipeline,
      version: row.version,
      state: row.state,
      reason: row.reason,
      message: row.message,
      created_ms: row.createdMs,
      ended_ms: row.endedMs,
      labels: JSON.stringify(row.labels),
      params_json: row.paramsJson,
      idle: row.idle,
      running: row.running,
      failed: row.failed,
      succeeded: row.succeeded,
      warnings: JSON.stringify(row.warnings),
      cancel_requested: 0,
      seq: row.seq,
      epoch: row.epoch,
    });
    const events = toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events: someEvents(1, 3) });
    insert(client, 'batches', { run_id: row.runId, first_seq: 1, last_seq: 3, events });
    insert(client, 'leases', { kind: 'run', key: row.runId, holder: 'm1', epoch: 1 });
    client.close();

    const store = await openSqliteStore(path);
    assert.deepEqual(await store.getRun(row.runId), row);
    assert.deepEqual(await store.readEvents(row.runId, 0, 9), someEvents(1, 3));
    // A run that was in flight goes on, with what is new.
    const commit = { ...commitOf(row, 1), fileLinks: [fileLink(row)], cacheEntries: [cacheEntry(row, 'k')] };
    assert.deepEqual(await store.commit([commit], NO_LIMITS), { fenced: [], exceeded: [] });
    assert.deepEqual(await store.listFileLinks(row.runId), [fileLink(row)]);
    await store.close();
  });

  it('make the tables that the schema names', async () => {
    const { client, close } = await connect(fresh('schema'));
    for (const table of Object.values(schema) as SQLiteTable[]) {
      const { name, columns, indexes } = getTableConfig(table);
      const made = client.prepare('SELECT name FROM pragma_table_info(?)').all(name);
      assert.deepEqual(
        made.map((column) => column.name),
        columns.map((column) => column.name),
      );
      const named = client.prepare("SELECT name FROM pragma_index_list(?) WHERE origin = 'c'").all(name);
      assert.deepEqual(
        named.map((index) => index.name).sort(),
        indexes.map((index) => index.config.name).sort(),
      );
    }
    close();
  });
});

describe('splitting a batch', () => {
  it('cuts between events and loses none', () => {
    const sizes = [0, 2, 200, 40_000, 2, 2, 70_000, 2, 0];
    const events = sizes.map((size, i) => someEvents(i + 1, 1, size)[0]!);
    const bytes = toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events });
    for (const limit of [1, 100, 50_000, 1 << 20]) {
      const rows = splitBatch(bytes, limit);
      const decoded = rows.map((row) => fromBinary(EventBatchSchema, row.bytes).events);
      assert.deepEqual(
        decoded.map((part) => part.length),
        rows.map((row) => row.count),
      );
      assert.deepEqual(decoded.flat(), events);
      for (const row of rows) assert.ok(row.count === 1 || row.bytes.length <= limit);
    }
  });
});

function insert(
  client: DatabaseSync,
  table: string,
  row: Record<string, string | number | Uint8Array>,
): void {
  const names = Object.keys(row);
  const places = names.map(() => '?').join(', ');
  client.prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`).run(...Object.values(row));
}

function alter(path: string, statement: string): void {
  const client = new DatabaseSync(path);
  client.exec(statement);
  client.close();
}
