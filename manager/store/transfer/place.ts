import { dirname } from 'node:path';
import { WizError } from '../../../proto/error.ts';
import { withoutPassword } from '../../config/masked.ts';
import { filePath, storeKind } from '../address.ts';
import { MIGRATIONS as SQLITE } from '../migrations/embedded.ts';
import { MIGRATIONS as POSTGRES } from '../migrations-postgres/embedded.ts';
import { openStore } from '../open-store.ts';
import { connectTo } from '../postgres/connection.ts';
import { look } from '../postgres/migrate.ts';
import { schemaAt } from '../sqlite/migrate.ts';
import { refuseLiving } from './living.ts';

/** A store by its address, looked at before anything is done with it. */

export interface StoreAddress {
  address: string;
  /** Where logs are beside a SQLite store; the folder of its file when absent. */
  home?: string | undefined;
}

/** For people. */
export function shown(address: string): string {
  return withoutPassword(address);
}

export function homeOf({ address, home }: StoreAddress): string {
  return home ?? dirname(filePath(address));
}

/** Migrations that a store has, 0 when it is not there yet; and those this wiz knows. Changes nothing. */
export async function readSchema(address: string): Promise<{ schema: number; known: number }> {
  if (storeKind(address) === 'sqlite') {
    return { schema: schemaAt(filePath(address)), known: SQLITE.length };
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
