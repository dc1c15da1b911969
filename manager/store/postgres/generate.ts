import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STORAGE } from './storage.ts';

/**
 * `npm run migrations:postgres -- NAME`: writes the migration that brings the last one up to schema.ts, and embeds
 * all of them with what storage.ts says about their tables.
 */
export const MIGRATIONS_DIR = fileURLToPath(new URL('../migrations-postgres', import.meta.url));

/** The text of migrations-postgres/embedded.ts: what the folder holds, in order. */
export function embed(): string {
  const migrations = readdirSync(MIGRATIONS_DIR, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => ({
      name,
      statements: readFileSync(join(MIGRATIONS_DIR, name, 'migration.sql'), 'utf8')
        .split('--> statement-breakpoint')
        .map((statement) => withStorage(statement.trim()))
        .filter((statement) => statement !== ''),
    }));
  return [
    '// Made by `npm run migrations:postgres` from the folders beside it. Do not edit.',
    `export const MIGRATIONS: { name: string; statements: string[] }[] = ${JSON.stringify(migrations, null, 2)};`,
    '',
  ].join('\n');
}

function withStorage(statement: string): string {
  const table = /^CREATE TABLE "([^"]+)"/.exec(statement)?.[1];
  const storage = table === undefined ? undefined : STORAGE[table];
  return storage === undefined ? statement : `${statement.replace(/;$/, '')} ${storage};`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2];
  if (name === undefined)
    throw new Error('npm run migrations:postgres -- NAME: name the change, for example add_queue');
  const schema = fileURLToPath(new URL('schema.ts', import.meta.url));
  const options = ['--dialect', 'postgresql', '--schema', schema, '--out', MIGRATIONS_DIR, '--name', name];
  execFileSync('npx', ['drizzle-kit', 'generate', ...options], { stdio: 'inherit' });
  writeFileSync(join(MIGRATIONS_DIR, 'embedded.ts'), embed());
}
