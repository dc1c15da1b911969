import { WizError } from '../../proto/error.ts';

/** Addresses of stores: sqlite:/absolute/path, and postgres://user:password@host:port/database. */

export type StoreKind = 'sqlite' | 'postgres';

/** Throws WizError invalid_argument for what is no address of a store. */
export function storeKind(address: string): StoreKind {
  if (address.startsWith('sqlite:')) return 'sqlite';
  if (/^postgres(?:ql)?:\/\//.test(address)) return 'postgres';
  throw noAddress(address);
}

/** Of the file of a SQLite store. */
export function filePath(address: string): string {
  return address.slice('sqlite:'.length);
}

/** What was meant may have a password in it: its beginning says enough. */
export function noAddress(address: string): WizError {
  return new WizError(
    'invalid_argument',
    `"${address.split(':')[0]}:…" is no address of a store. Write sqlite:/absolute/path or postgres://user:password@host:port/database.`,
  );
}
