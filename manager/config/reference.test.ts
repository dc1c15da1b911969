import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withSettingsTable } from './reference.ts';

test('docs/configuration.md lists the settings as they are: npm run docs', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
  assert.equal(page, withSettingsTable(page));
});
