import { after, afterEach, before, describe } from 'node:test';
import { postgresForTests } from '../../test/postgres.ts';
import { lastLineTests, logTests } from './conformance/log-store.ts';
import type { LogStore } from './logs.ts';
import { openPostgresStore } from './postgres.ts';
import type { Store } from './store.ts';

const server = postgresForTests();
let stores: Store[] = [];
let next = 0;
const opened: LogStore[] = [];

before(async () => {
  const address = await (await server()).newDatabase();
  stores = await Promise.all([openPostgresStore(address), openPostgresStore(address)]);
});
afterEach(async () => {
  for (const logs of opened.splice(0)) await logs.close();
});
after(async () => {
  for (const store of stores) await store.close();
});

/** By turns of one manager and of another. */
function open(): LogStore {
  const logs = stores[next++ % 2]!.openLogs('');
  opened.push(logs);
  return logs;
}

describe('logs in PostgreSQL', () => logTests(open));
describe('the last line of a log in PostgreSQL', () => lastLineTests(open));
