import { WizError } from '../../proto/error.ts';
import type { Store } from './store.ts';

/** Opens the store at an address: sqlite:/absolute/path. Throws WizError invalid_argument for what is no address,
 *  and whatever the store says. */
export async function openStore(address: string): Promise<Store> {
  if (address.startsWith('sqlite:')) {
    const { openSqliteStore } = await import('./sqlite.ts');
    return openSqliteStore(address.slice('sqlite:'.length));
  }
  throw new WizError(
    'invalid_argument',
    `"${address}" is no address of a store. Write sqlite:/absolute/path.`,
  );
}
