import { WizError } from '../../proto/error.ts';
import type { Store } from './store.ts';

/** Opens the store at an address: sqlite:/absolute/path or postgres://user:password@host:port/database. Throws WizError invalid_argument for what is no address,
 *  and whatever the store says. */
export async function openStore(address: string): Promise<Store> {
  if (address.startsWith('sqlite:')) {
    const { openSqliteStore } = await import('./sqlite.ts');
    return openSqliteStore(address.slice('sqlite:'.length));
  }
  if (/^postgres(?:ql)?:\/\//.test(address)) {
    const { openPostgresStore } = await import('./postgres.ts');
    return openPostgresStore(address);
  }
  // What was meant may have a password in it: its beginning says enough.
  const [scheme] = address.split(':');
  throw new WizError(
    'invalid_argument',
    `"${scheme}:…" is no address of a store. Write sqlite:/absolute/path or postgres://user:password@host:port/database.`,
  );
}
