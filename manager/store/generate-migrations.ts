import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STORAGE } from './postgres/storage.ts';

/**
 * `npm run migrations -- NAME` and `npm run migrations:postgres -- NAME`: write the migration that brings the last one up to the
 * store's schema.ts, and embed all of them, so that a bundle carries its migrations and opening a store reads no files of
 * ours.
 */
interface Migrated {
  dialect: string;
  command: string;
  folder: string;
  schema: string;
  /** What drizzle-kit cannot say is added to its statements. */
  complete(statement: string): string;
}

const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export const SQLITE: Migrated = {
  dialect: 'sqlite',
  command: 'npm run migrations',
  folder: beside('migrations'),
  schema: beside('sqlite/schema.ts'),
  complete: (statement) => statement,
};

export const POSTGRES: Migrated = {
  dialect: 'postgresql',
  command: 'npm run migrations:postgres',
  folder: beside('migrations-postgres'),
  schema: beside('postgres/schema.ts'),
  complete(statement) {
    const table = /^CREATE TABLE "([^"]+)"/.exec(statement)?.[1];
    const storage = table === undefined ? undefined : STORAGE[table];
    return storage === undefined ? statement : `${statement.replace(/;$/, '')} ${storage};`;
  },
};

/** The text of embedded.ts: what the folder holds, in order. */
export function embed({ folder, command, complete }: Migrated): string {
  const migrations = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => ({
      name,
      statements: readFileSync(join(folder, name, 'migration.sql'), 'utf8')
        .split('--> statement-breakpoint')
        .map((statement) => complete(statement.trim()))
        .filter((statement) => statement !== ''),
    }));
  return [
    `// Made by \`${command}\` from the folders beside it. Do not edit.`,
    `export const MIGRATIONS: { name: string; statements: string[] }[] = ${JSON.stringify(migrations, null, 2)};`,
    '',
  ].join('\n');
}

if (import.meta.main) {
  const [store, name] = process.argv.slice(2);
  const migrated = store === 'postgres' ? POSTGRES : SQLITE;
  if (name === undefined)
    throw new Error(`${migrated.command} -- NAME: name the change, for example add_queue`);
  const { dialect, schema, folder } = migrated;
  const options = ['--dialect', dialect, '--schema', schema, '--out', folder, '--name', name];
  execFileSync('npx', ['drizzle-kit', 'generate', ...options], { stdio: 'inherit' });
  writeFileSync(join(folder, 'embedded.ts'), embed(migrated));
}
