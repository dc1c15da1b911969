import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { WizError } from '../../../proto/error.ts';
import { MIGRATIONS } from '../migrations/embedded.ts';
import { storeError } from './errors.ts';

/** `PRAGMA application_id` of a wiz store: "wiz1". */
const APPLICATION_ID = 0x77697a31;

/**
 * Brings the file up to this wiz in one transaction. `PRAGMA user_version` counts the migrations it has; one
 * that is up to date costs two reads. Throws what node:sqlite throws when the file is locked: try again.
 *
 * Drizzle's migrator is not used: it reads folders (there are none in a bundle), creates its table outside the
 * transaction and begins it deferred, so that of two processes opening a new file one fails.
 */
export function migrate(client: DatabaseSync, path: string): void {
  if (pending(client, path).length === 0) return;
  client.exec('BEGIN IMMEDIATE');
  try {
    // Again: another process may have been first.
    for (const { statements } of pending(client, path)) {
      for (const statement of statements) client.exec(statement);
    }
    client.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    client.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    client.exec('COMMIT');
  } catch (error) {
    if (client.isTransaction) client.exec('ROLLBACK');
    throw error;
  }
}

function pending(client: DatabaseSync, path: string): typeof MIGRATIONS {
  return MIGRATIONS.slice(schemaOf(client, path));
}

/** Migrations that the file has. Throws WizError failed_precondition for that of another program or of a newer wiz. */
export function schemaOf(client: DatabaseSync, path: string): number {
  const version = pragma(client, 'user_version');
  if (pragma(client, 'application_id') !== APPLICATION_ID) {
    const tables = client.prepare('SELECT count(*) AS n FROM sqlite_master').get();
    if (version !== 0 || tables?.n !== 0) {
      throw new WizError(
        'failed_precondition',
        `${path} is the database of another program; move it away, or set WIZ_HOME to another folder.`,
      );
    }
  }
  if (version > MIGRATIONS.length) {
    throw new WizError(
      'failed_precondition',
      `The store ${path} was written by a newer wiz (schema ${version}, this one knows ${MIGRATIONS.length}); ` +
        'upgrade wiz, or set WIZ_HOME to another folder.',
    );
  }
  return version;
}

/** The same of a file that nobody has opened yet, 0 when it is not there. Changes nothing. */
export function schemaAt(path: string): number {
  if (!existsSync(path)) return 0;
  let client: DatabaseSync | undefined;
  try {
    client = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    return schemaOf(client, path);
  } catch (error) {
    throw storeError(error, path);
  } finally {
    client?.close();
  }
}

function pragma(client: DatabaseSync, name: string): number {
  return Number(client.prepare(`PRAGMA ${name}`).get()?.[name]);
}
