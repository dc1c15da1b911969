import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import type { AccessService, CreateTokenRequest, Token, User } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { unary } from '../api/errors.ts';
import type { AuthConfig } from '../config/auth.ts';
import type { AccessStore, TokenRow, UserRow } from '../store/access-store.ts';
import { callerKey, type Identity, roleName, roleOf } from './identity.ts';
import { listAudit } from './list-audit.ts';
import { checkScopes, covers } from './scopes.ts';
import { hashOfSecret, newToken } from './token.ts';

export interface AccessServiceOptions {
  store: AccessStore;
  /** Undefined for the bundled manager: nobody signs in to it. */
  auth: AuthConfig | undefined;
  tokenRevoked(tokenId: string): void;
}

/** Tokens, users and the audit. */
export function accessService({
  store,
  auth,
  tokenRevoked,
}: AccessServiceOptions): ServiceImpl<typeof AccessService> {
  return {
    getIdentity: unary(async (_, context) => {
      const { kind, name, role, scopes, expiresMs } = callerOf(context);
      return { identity: { kind, name, role, scopes: [...scopes], expiresUnixMs: expiresMs } };
    }),
    getLoginMethods: unary(async () => ({
      basic: auth?.basic ?? false,
      ...(auth?.oidc && {
        oidc: { issuer: auth.oidc.issuer, clientId: auth.oidc.clientId, scopes: auth.oidc.scopes },
      }),
      anonymous: auth?.anonymous === undefined ? Role.UNSPECIFIED : roleOf(auth.anonymous),
    })),

    createToken: unary(async (request, context) => {
      const { tokenId, secret, text } = newToken();
      const row = { ...checkedToken(request, callerOf(context)), tokenId, hash: hashOfSecret(secret) };
      await store.createToken(row);
      return { token: tokenOf(row), secret: text };
    }),
    listTokens: unary(async ({ all }) => {
      const nowMs = Date.now();
      const rows = await store.listTokens();
      return { tokens: rows.filter((row) => all || isValid(row, nowMs)).map(tokenOf) };
    }),
    revokeToken: unary(async ({ token }) => {
      const rows = await store.listTokens();
      const found =
        rows.find(({ tokenId }) => tokenId === token) ??
        rows.find((row) => row.name === token && row.revokedMs === 0);
      if (found === undefined) {
        throw new WizError(
          'not_found',
          `There is no token "${token.slice(0, 100)}". wiz tokens list shows what there is.`,
        );
      }
      await store.revokeToken(found.tokenId, Date.now());
      tokenRevoked(found.tokenId);
      return { token: tokenOf((await store.getToken(found.tokenId)) ?? found) };
    }),

    createUser: unary(async ({ name, password, role }, context) => {
      checkName('user', name);
      checkRole(role, callerOf(context));
      const passwordHash = await passwordHashOf(password);
      const nowMs = Date.now();
      const row = {
        name,
        role,
        passwordHash,
        createdBy: callerOf(context).name,
        createdMs: nowMs,
        passwordMs: nowMs,
      };
      await store.createUser(row);
      return { user: userOf(row) };
    }),
    setPassword: unary(async ({ name, password }) => {
      const passwordHash = await passwordHashOf(password);
      if (!(await store.setPassword(name, passwordHash, Date.now()))) throw noUser(name);
      return {};
    }),
    listUsers: unary(async () => ({ users: (await store.listUsers()).map(userOf) })),
    deleteUser: unary(async ({ name }) => {
      if (!(await store.deleteUser(name))) throw noUser(name);
      return {};
    }),

    listAudit: unary((request) => listAudit(store, request)),
  };
}

function callerOf(context: HandlerContext): Identity {
  const caller = context.values.get(callerKey);
  if (caller === undefined) throw new WizError('internal', 'A call came past the check of who calls.');
  return caller;
}

/** Throws WizError. */
function checkedToken(request: CreateTokenRequest, caller: Identity): Omit<TokenRow, 'tokenId' | 'hash'> {
  const { name, role, expiresUnixMs: expiresMs } = request;
  const nowMs = Date.now();
  checkName('token', name);
  checkRole(role, caller);
  const scopes = checkScopes(request.scopes);
  if (!covers(caller.scopes, scopes)) {
    const message = `A token of ${caller.name} can have the scopes that ${caller.name} has, and no others: ${caller.scopes.join(', ')}.`;
    throw new WizError('permission_denied', message);
  }
  if (expiresMs !== 0 && !(expiresMs > nowMs)) {
    throw new WizError(
      'invalid_argument',
      'The token would have expired already. Give a time to come, or none.',
    );
  }
  return {
    name,
    role,
    scopes,
    expiresMs,
    createdBy: caller.name,
    createdMs: nowMs,
    revokedMs: 0,
    lastUsedMs: 0,
  };
}

/** Names that are told apart in a list, a header and a terminal. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

function checkName(what: 'token' | 'user', name: string): void {
  if (NAME.test(name)) return;
  const rule = 'Use 1 to 64 letters, digits and . _ @ - and begin with a letter or a digit.';
  throw new WizError(
    'invalid_argument',
    `${JSON.stringify(name.slice(0, 100))} cannot be the name of a ${what}. ${rule}`,
  );
}

function checkRole(role: Role, caller: Identity): void {
  if (![Role.VIEWER, Role.OPERATOR, Role.ADMIN].includes(role)) {
    throw new WizError('invalid_argument', 'Which role? Give viewer, operator or admin.');
  }
  if (role > caller.role) {
    const message = `${caller.name} has the role ${roleName(caller.role)} and can give no higher one: not ${roleName(role)}.`;
    throw new WizError('permission_denied', message);
  }
}

async function passwordHashOf(password: string): Promise<string> {
  const { checkPassword, hashPassword } = await import('./password.ts');
  checkPassword(password);
  return hashPassword(password);
}

function noUser(name: string): WizError {
  return new WizError(
    'not_found',
    `There is no user "${name.slice(0, 100)}". wiz users list shows who there is.`,
  );
}

function isValid({ revokedMs, expiresMs }: TokenRow, nowMs: number): boolean {
  return revokedMs === 0 && (expiresMs === 0 || expiresMs > nowMs);
}

function tokenOf(row: TokenRow): Token {
  const { tokenId, name, role, scopes, createdBy, createdMs, expiresMs, revokedMs, lastUsedMs } = row;
  return {
    $typeName: 'wiz.v1.Token',
    tokenId,
    name,
    role,
    scopes,
    createdBy,
    createdUnixMs: createdMs,
    expiresUnixMs: expiresMs,
    revokedUnixMs: revokedMs,
    lastUsedUnixMs: lastUsedMs,
  };
}

function userOf({ name, role, createdBy, createdMs, passwordMs }: UserRow): User {
  return {
    $typeName: 'wiz.v1.User',
    name,
    role,
    createdBy,
    createdUnixMs: createdMs,
    passwordUnixMs: passwordMs,
  };
}
