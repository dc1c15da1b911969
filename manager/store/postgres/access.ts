import { isDeepStrictEqual } from 'node:util';
import { desc, eq } from 'drizzle-orm';
import { WizError } from '../../../proto/error.ts';
import type { TokenRow, UserRow } from '../access-store.ts';
import { validTokenCondition } from '../valid-token.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './errors.ts';
import { numbers, texts } from './literals.ts';
import { tokens, users } from './schema.ts';

/** API tokens and users. What is done again because its answer was lost finds what it did. */

const UNIQUE = '23505';

const EXPIRE = `UPDATE tokens SET revoked_ms = $2::float8
  WHERE name = $1 AND revoked_ms = 0 AND expires_ms <> 0 AND expires_ms <= $2::float8`;
const REVOKE = 'UPDATE tokens SET revoked_ms = $2 WHERE token_id = $1 AND revoked_ms = 0 RETURNING 1';
const REVOKED = 'SELECT 1 FROM tokens WHERE token_id = $1 AND revoked_ms = $2';
const TOUCH = `UPDATE tokens SET last_used_ms = i.used_ms
  FROM (SELECT token_id, max(used_ms) AS used_ms FROM unnest($1::text[], $2::float8[]) AS u (token_id, used_ms)
    GROUP BY token_id) AS i
  WHERE tokens.token_id = i.token_id AND tokens.last_used_ms < i.used_ms`;
const PASSWORD = 'UPDATE users SET password_hash = $2, password_ms = $3 WHERE name = $1 RETURNING 1';

export async function createToken(connection: Connection, token: TokenRow): Promise<void> {
  await connection.query(EXPIRE, [token.name, token.createdMs]);
  await connection.patiently(async (tries) => {
    try {
      await connection.once.ask((db) => db.insert(tokens).values(token));
    } catch (error) {
      if (codeOf(error) !== UNIQUE) throw error;
      if (tries > 0 && isDeepStrictEqual(await getToken(connection, token.tokenId), token)) return;
      throw new WizError(
        'already_exists',
        `There is a valid token named "${token.name}" already. Revoke it, or choose another name.`,
        { cause: error },
      );
    }
  });
}

export async function getToken(connection: Connection, tokenId: string): Promise<TokenRow | undefined> {
  const rows = await connection.ask((db) => db.select().from(tokens).where(eq(tokens.tokenId, tokenId)));
  return rows[0];
}

export function listTokens(connection: Connection): Promise<TokenRow[]> {
  return connection.ask((db) => db.select().from(tokens).orderBy(desc(tokens.createdMs), tokens.tokenId));
}

export function revokeToken(connection: Connection, tokenId: string, nowMs: number): Promise<boolean> {
  return connection.patiently(async (tries) => {
    const values = [tokenId, nowMs];
    if ((await connection.once.query(REVOKE, values)).length > 0) return true;
    return tries > 0 && (await connection.once.query(REVOKED, values)).length > 0;
  });
}

export async function touchTokens(
  connection: Connection,
  uses: { tokenId: string; usedMs: number }[],
): Promise<void> {
  await connection.query(TOUCH, [
    texts(uses.map(({ tokenId }) => tokenId)),
    numbers(uses.map(({ usedMs }) => usedMs)),
  ]);
}

export async function createUser(connection: Connection, user: UserRow): Promise<void> {
  await connection.patiently(async (tries) => {
    try {
      await connection.once.ask((db) => db.insert(users).values(user));
    } catch (error) {
      if (codeOf(error) !== UNIQUE) throw error;
      if (tries > 0 && isDeepStrictEqual(await getUser(connection, user.name), user)) return;
      throw new WizError('already_exists', `There is a user "${user.name}" already.`, { cause: error });
    }
  });
}

export async function getUser(connection: Connection, name: string): Promise<UserRow | undefined> {
  return (await connection.ask((db) => db.select().from(users).where(eq(users.name, name))))[0];
}

export function listUsers(connection: Connection): Promise<UserRow[]> {
  return connection.ask((db) => db.select().from(users).orderBy(users.name));
}

export async function setPassword(
  connection: Connection,
  name: string,
  passwordHash: string,
  nowMs: number,
): Promise<boolean> {
  return (await connection.query(PASSWORD, [name, passwordHash, nowMs])).length > 0;
}

export function deleteUser(connection: Connection, name: string): Promise<boolean> {
  return connection.patiently(async (tries) => {
    const rows = await connection.once.query('DELETE FROM users WHERE name = $1 RETURNING 1', [name]);
    return rows.length > 0 || tries > 0;
  });
}

export async function hasCredentials(connection: Connection, nowMs: number): Promise<boolean> {
  const valid = validTokenCondition(tokens, nowMs);
  const found = await connection.ask((db) =>
    db.select({ id: tokens.tokenId }).from(tokens).where(valid).limit(1),
  );
  if (found.length > 0) return true;
  return (await connection.ask((db) => db.select({ name: users.name }).from(users).limit(1))).length > 0;
}
