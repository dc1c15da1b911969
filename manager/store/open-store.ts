import { filePath, storeKind } from './address.ts';
import type { Store } from './store.ts';

/** Opens the store at an address. Throws WizError invalid_argument for what is no address, and whatever the store says. */
export async function openStore(address: string): Promise<Store> {
  if (storeKind(address) === 'sqlite') {
    const { openSqliteStore } = await import('./sqlite.ts');
    return openSqliteStore(filePath(address));
  }
  const { openPostgresStore } = await import('./postgres.ts');
  return openPostgresStore(address);
}
