import type { AccessStore, TokenRow } from '../store/access-store.ts';
import { adminIdentity, type Identity } from './identity.ts';
import { hashOfSecret, isSecret, newToken, parseToken } from './token.ts';

/** API tokens of the store, and those that only this process knows. */
export interface Tokens {
  /** Undefined for what opens nothing: which of all reasons it is, nobody is told. */
  identify(text: string): Promise<Identity | undefined>;
  /** Whether a token that was good still is. */
  holds(tokenId: string): Promise<boolean>;
  /** What was known of a token is asked for again. */
  forget(tokenId: string): void;
  /** A token that this process makes up, and nobody else knows of. */
  issue(name: string): string;
}

/** Milliseconds that a row is taken to be as it was read: a token that another manager revoked opens for so long. */
const FRESH_MS = 1000;
/** Rows that are remembered. */
const CAPACITY = 1000;
/** Milliseconds between two writes of when a token was last used. */
const TOUCH_MS = 60_000;

export function createTokens(options: {
  store: AccessStore;
  /** For automation: opens everything. */
  bootstrapToken: string | undefined;
  now: () => number;
  note: (message: string) => void;
}): Tokens {
  const { store, bootstrapToken, now, note } = options;
  const rows = new Map<string, { row: TokenRow; readMs: number }>();
  const touched = new Map<string, number>();
  const own = new Map<string, { hash: string; identity: Identity }>();
  const bootstrap = adminIdentity('bootstrap', 'bootstrap', '');
  const bootstrapHash = bootstrapToken === undefined ? undefined : hashOfSecret(bootstrapToken);

  async function read(tokenId: string): Promise<TokenRow | undefined> {
    const known = rows.get(tokenId);
    if (known !== undefined && now() - known.readMs < FRESH_MS) return known.row;
    const readMs = now();
    const row = await store.getToken(tokenId);
    rows.delete(tokenId);
    // What is not there is not remembered, or guesses would push out what is.
    if (row !== undefined) rows.set(tokenId, { row, readMs });
    if (rows.size > CAPACITY) rows.delete(rows.keys().next().value!);
    return row;
  }

  function isValid(row: TokenRow): boolean {
    return row.revokedMs === 0 && (row.expiresMs === 0 || row.expiresMs > now());
  }

  function touch({ tokenId, lastUsedMs }: TokenRow): void {
    const usedMs = now();
    if (usedMs - Math.max(lastUsedMs, touched.get(tokenId) ?? 0) < TOUCH_MS) return;
    touched.delete(tokenId);
    touched.set(tokenId, usedMs);
    if (touched.size > CAPACITY) touched.delete(touched.keys().next().value!);
    store.touchTokens([{ tokenId, usedMs }]).catch((error: Error) => {
      note(`when a token was used last could not be written: ${error.message}`);
    });
  }

  return {
    async identify(text) {
      if (bootstrapHash !== undefined && isSecret(text, bootstrapHash)) return bootstrap;
      const parsed = parseToken(text);
      if (parsed === undefined) return undefined;
      const mine = own.get(parsed.tokenId);
      if (mine !== undefined) return isSecret(parsed.secret, mine.hash) ? mine.identity : undefined;
      const row = await read(parsed.tokenId);
      if (row === undefined || !isSecret(parsed.secret, row.hash) || !isValid(row)) return undefined;
      touch(row);
      const { name, role, scopes, expiresMs, tokenId } = row;
      return { kind: 'token', name, role, scopes, expiresMs, credential: tokenId };
    },
    async holds(tokenId) {
      const row = await read(tokenId);
      return row !== undefined && isValid(row);
    },
    forget: (tokenId) => void rows.delete(tokenId),
    issue(name) {
      const { tokenId, secret, text } = newToken();
      own.set(tokenId, { hash: hashOfSecret(secret), identity: adminIdentity('machine', name, tokenId) });
      return text;
    },
  };
}
