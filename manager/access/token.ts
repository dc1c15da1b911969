import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * API tokens: `wiz_ID_SECRET`. The id finds the row, and may be shown; the secret is 256 random bits, which nobody guesses,
 * so that one round of SHA-256 is all the hashing it needs.
 */

const TOKEN = /^wiz_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

export interface ParsedToken {
  tokenId: string;
  secret: string;
}

export function newToken(): ParsedToken & { text: string } {
  const tokenId = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  return { tokenId, secret, text: `wiz_${tokenId}_${secret}` };
}

/** Undefined for what is none. */
export function parseToken(text: string): ParsedToken | undefined {
  const [, tokenId, secret] = TOKEN.exec(text) ?? [];
  return tokenId === undefined || secret === undefined ? undefined : { tokenId, secret };
}

export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes the same time wherever the two differ. */
export function isSecret(secret: string, hash: string): boolean {
  const [given, kept] = [Buffer.from(hashOfSecret(secret), 'hex'), Buffer.from(hash, 'hex')];
  return kept.length === given.length && timingSafeEqual(given, kept);
}
