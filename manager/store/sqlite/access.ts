import { and, desc, eq, lte, ne } from 'drizzle-orm';
import { WizError } from '../../../proto/error.ts';
import type { TokenRow, UserRow } from '../access-store.ts';
import { validTokenCondition } from '../valid-token.ts';
import type { Connection } from './connection.ts';
import { isConstraint } from './errors.ts';
import { tokens, users } from './schema.ts';

/** API tokens and users. */

export function createToken(connection: Connection, token: TokenRow): Promise<void> {
  const { name, createdMs } = token;
  return connection.write(() => {
    connection.db
      .update(tokens)
      .set({ revokedMs: createdMs })
      .where(
        and(
          eq(tokens.name, name),
          eq(tokens.revokedMs, 0),
          ne(tokens.expiresMs, 0),
          lte(tokens.expiresMs, createdMs),
        ),
      )
      .run();
    insert(`There is a valid token named "${name}" already. Revoke it, or choose another name.`, () =>
      connection.db.insert(tokens).values(token).run(),
    );
  });
}

function insert(already: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isConstraint(error)) throw error;
    throw new WizError('already_exists', already, { cause: error });
  }
}

export function getToken(connection: Connection, tokenId: string): TokenRow | undefined {
  return connection.read(() => connection.db.select().from(tokens).where(eq(tokens.tokenId, tokenId)).get());
}

export function listTokens(connection: Connection): TokenRow[] {
  return connection.read(() =>
    connection.db.select().from(tokens).orderBy(desc(tokens.createdMs), tokens.tokenId).all(),
  );
}

export function revokeToken(connection: Connection, tokenId: string, nowMs: number): Promise<boolean> {
  return connection.write(() => {
    const { changes } = connection.db
      .update(tokens)
      .set({ revokedMs: nowMs })
      .where(and(eq(tokens.tokenId, tokenId), eq(tokens.revokedMs, 0)))
      .run();
    return changes > 0;
  });
}

export function touchTokens(
  connection: Connection,
  uses: { tokenId: string; usedMs: number }[],
): Promise<void> {
  const touch = 'UPDATE tokens SET last_used_ms = max(last_used_ms, ?) WHERE token_id = ?';
  return connection.write(
    () => {
      for (const { tokenId, usedMs } of uses) connection.statement(touch).run(usedMs, tokenId);
    },
    { later: true },
  );
}

export function createUser(connection: Connection, user: UserRow): Promise<void> {
  return connection.write(() =>
    insert(`There is a user "${user.name}" already.`, () => connection.db.insert(users).values(user).run()),
  );
}

export function getUser(connection: Connection, name: string): UserRow | undefined {
  return connection.read(() => connection.db.select().from(users).where(eq(users.name, name)).get());
}

export function listUsers(connection: Connection): UserRow[] {
  return connection.read(() => connection.db.select().from(users).orderBy(users.name).all());
}

export function setPassword(
  connection: Connection,
  name: string,
  passwordHash: string,
  nowMs: number,
): Promise<boolean> {
  return connection.write(() => {
    const { changes } = connection.db
      .update(users)
      .set({ passwordHash, passwordMs: nowMs })
      .where(eq(users.name, name))
      .run();
    return changes > 0;
  });
}

export function deleteUser(connection: Connection, name: string): Promise<boolean> {
  return connection.write(() => connection.db.delete(users).where(eq(users.name, name)).run().changes > 0);
}

export function hasCredentials(connection: Connection, nowMs: number): boolean {
  const valid = validTokenCondition(tokens, nowMs);
  return connection.read(() => {
    const token = connection.db.select({ id: tokens.tokenId }).from(tokens).where(valid).limit(1).get();
    if (token !== undefined) return true;
    return connection.db.select({ name: users.name }).from(users).limit(1).get() !== undefined;
  });
}
