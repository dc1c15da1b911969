import { and, eq, gt, or, type SQL, type SQLWrapper } from 'drizzle-orm';

/** Tokens of whichever store that are neither revoked nor expired. */
export function validTokenCondition(
  tokens: Record<'revokedMs' | 'expiresMs', SQLWrapper>,
  nowMs: number,
): SQL | undefined {
  return and(eq(tokens.revokedMs, 0), or(eq(tokens.expiresMs, 0), gt(tokens.expiresMs, nowMs)));
}
