import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from './sqlite.ts';
import { describeStore } from './store.conformance.ts';

describeStore('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-store-'));
  const path = join(folder, 'wiz.db');
  return {
    store: await openSqliteStore(path),
    other: await openSqliteStore(path),
    remove: () => rmSync(folder, { recursive: true }),
  };
});
