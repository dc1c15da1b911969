import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WizError } from '../../../proto/error.ts';
import { withoutPassword } from '../../config/masked.ts';
import { MIGRATIONS as SQLITE } from '../migrations/embedded.ts';
import { MIGRATIONS as POSTGRES } from '../migrations-postgres/embedded.ts';
import { openStore } from '../open-store.ts';
import { connectTo } from '../postgres/connection.ts';
import { look } from '../postgres/migrate.ts';
import { storeError } from '../sqlite/errors.ts';
import { schemaOf } from '../sqlite/migrate.ts';
import { refuseLiving } from './living.ts';

/** A store by its address, looked at before anything is done with it. */

export interface StoreAddress {
  address: string;
  /** Where logs are beside a SQLite store; the folder of its file when absent. */
  home?: string | undefined;
}

export type Kind = 'sqlite' | 'postgres';

export function kindOf(address: string): Kind {
  return address.startsWith('sqlite:') ? 'sqlite' : 'postgres';
}

/** For people. */
export function shown(address: string): string {
  return withoutPassword(address);
}

export function pathOf(address: string): string {
  return address.slice('sqlite:'.length);
}

export function homeOf({ address, home }: StoreAddress): string {
  return home ?? dirname(pathOf(address));
}

/** Migrations that a store has, 0 when it is not there yet; and those this wiz knows. Changes nothing. */
export async function readSchema(address: string): Promise<{ schema: number; known: number }> {
  if (kindOf(address) === 'sqlite') {
    return { schema: sqliteSchema(pathOf(address)), known: SQLITE.length };
  }
  const connection = connectTo(address);
  try {
    const { version } = await connection.patiently(() =>
      look(connection.once.query, connection.place, Date.now()),
    );
    return { schema: version, known: POSTGRES.length };
  } finally {
    await connection.close();
  }
}

function sqliteSchema(path: string): number {
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

/** Throws unless a store is there, as this wiz knows it: what is only read is not changed. */
export async function checkCurrent(address: string): Promise<void> {
  const { schema, known } = await readSchema(address);
  if (schema === known) return;
  const place = shown(address);
  throw new WizError(
    'failed_precondition',
    schema === 0
      ? `There is no store at ${place}.`
      : `The store ${place} has schema ${schema}, and this wiz reads ${known}. Bring it up to date first: ` +
          'wiz store migrate. (Back it up before with the wiz that wrote it.)',
  );
}

/** Throws when a manager works on it. */
export async function checkUnused(address: string, advice: string): Promise<void> {
  if ((await readSchema(address)).schema === 0) return;
  const store = await openStore(address);
  try {
    await refuseLiving(shown(address), () => store.listManagers(), advice);
  } finally {
    await store.close();
  }
}
