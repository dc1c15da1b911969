import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from './oclif.ts';
import { commandReference } from './reference.ts';

const root = join(import.meta.dirname, '..');

test('docs/cli.md is what the commands say; `npm run docs` writes it', async () => {
  const written = readFileSync(join(root, 'docs/cli.md'), 'utf8');
  assert.equal(written, commandReference(await loadConfig(root, { fresh: true })));
});
