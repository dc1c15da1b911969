import { Code, ConnectError } from '@connectrpc/connect';
import type { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import type { OidcConfig } from '../config/auth.ts';
import { unauthenticated } from './denial.ts';
import { type Identity, roleOf } from './identity.ts';
import { createProviderKeys } from './provider-keys.ts';

/** Callers that an OIDC provider vouches for, with a JWT it has signed. */
export interface Oidc {
  /** Throws ConnectError: unauthenticated; permission_denied for somebody without a role; unavailable when the provider does
   *  not answer and its keys are not known. */
  identify(jwt: string): Promise<Identity>;
  /** Whether the JWT that somebody was identified by is good for now. */
  holds(identity: Pick<Identity, 'expiresMs'>): boolean;
}

export function createOidc(
  config: OidcConfig,
  { now, note }: { now: () => number; note: (message: string) => void },
): Oidc {
  const keys = createProviderKeys(config.issuer, { now, note });

  async function verified(jwt: string): Promise<Record<string, unknown>> {
    const { jwtVerify } = await import('jose');
    const key = await keys.get();
    const { payload } = await jwtVerify(jwt, key, {
      issuer: config.issuer,
      audience: config.audience ?? [config.clientId],
      // Without this a token could name HS256, and be signed with a key that everybody knows.
      algorithms: config.algorithms,
      clockTolerance: config.clockSkewSeconds,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now()),
    });
    return payload;
  }

  return {
    async identify(jwt) {
      const claims = await verified(jwt).catch((error) => {
        throw refusal(error, config.issuer);
      });
      const name = nameOf(claims);
      const role = mappedRole(claims, config);
      if (role === undefined) throw noRole(name, config);
      const expiresMs = Number(claims.exp) * 1000;
      return { kind: 'oidc', name, role, scopes: [], expiresMs, credential: String(claims.sub) };
    },
    holds: ({ expiresMs }) => expiresMs + config.clockSkewSeconds * 1000 > now(),
  };
}

/** The highest of the roles that the values of the claim are mapped to. */
function mappedRole(claims: Record<string, unknown>, config: OidcConfig): Role | undefined {
  const value = claimAt(claims, config.roleClaim);
  const names = [value].flat().filter((one) => typeof one === 'string');
  const roles = names
    .filter((one) => Object.hasOwn(config.roles, one))
    .map((one) => roleOf(config.roles[one]!));
  if (config.defaultRole !== undefined) roles.push(roleOf(config.defaultRole));
  return roles.length > 0 ? (Math.max(...roles) as Role) : undefined;
}

/** A claim may have dots in its name (https://example.com/roles), or be inside of others. */
function claimAt(claims: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let at: unknown = claims;
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/** For people; `sub` is what identifies, and is kept beside it. */
function nameOf({ preferred_username, email, sub }: Record<string, unknown>): string {
  const name = [preferred_username, email, sub].find((one) => typeof one === 'string' && one !== '');
  return String(name).slice(0, 100);
}

function noRole(name: string, { issuer, roleClaim }: OidcConfig): ConnectError {
  const message = `${name} is known to ${issuer}, but has no role here: an admin maps a value of the claim ${roleClaim} to one.`;
  return new ConnectError(message, Code.PermissionDenied);
}

/** Only of a token whose signature is right it is told what else is wrong. */
function refusal(error: unknown, issuer: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const { code, claim } = error as { code?: string; claim?: string };
  if (code === 'ERR_JWT_EXPIRED') {
    return unauthenticated('The token has expired. Sign in again with `wiz login`.', error);
  }
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') {
    return unauthenticated(`The token is signed by ${issuer}, but its claim ${claim} does not fit.`, error);
  }
  return unauthenticated('The token is not valid.', error);
}
