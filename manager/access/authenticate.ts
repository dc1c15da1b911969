import { isFailure, malformed, noCredential, tooMany, unauthenticated } from './denial.ts';
import type { Identity } from './identity.ts';
import { type Limiter, networkOf } from './limiter.ts';
import type { Oidc } from './oidc.ts';
import type { Tokens } from './tokens.ts';
import type { Users } from './users.ts';

/** From the header `Authorization` to who that is. */
export interface Authenticator {
  /** Throws ConnectError: unauthenticated, or resource_exhausted after too many failures. */
  identify(headers: Headers, peer: string): Promise<Identity>;
  /** Whether somebody who was identified before still would be: long streams ask. A JWT cannot be taken back,
   *  but ends. */
  holds(identity: Identity): Promise<boolean>;
}

export interface AuthenticatorOptions {
  tokens: Tokens;
  /** Undefined: passwords are not accepted. */
  users: Users | undefined;
  /** Undefined: no provider is trusted. */
  oidc: Oidc | undefined;
  /** Who calls without a credential; undefined: nobody may. */
  anonymous: Identity | undefined;
  /** Failures by network. */
  networks: Limiter;
}

/** Characters of the header: JWTs with many groups have some thousand; Node reads 16,384 of all headers. */
const LONGEST = 12_000;
/** RFC 6750 and 7617: a scheme and one word. */
const AUTHORIZATION = /^(bearer|basic) +([A-Za-z0-9\-._~+/]+=*)$/i;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { tokens, users, oidc, anonymous, networks } = options;

  /**
   * A token or a signature proves itself: it is looked at also when its network failed too often, so that one bad client
   * does not lock out its neighbours behind the same address. A wrong one is then told to wait. Passwords can be guessed:
   * they are not even looked at before the wait is over.
   */
  async function bearer(text: string): Promise<Identity> {
    const token = await tokens.identify(text);
    if (token !== undefined) return token;
    if (oidc !== undefined && text.split('.').length === 3) return oidc.identify(text);
    throw unauthenticated(
      'The token is not valid: it is wrong, has expired or was revoked. Sign in again, or ask for a new one.',
    );
  }

  return {
    async identify(headers, peer) {
      const header = headers.get('authorization');
      if (header === null) {
        if (anonymous !== undefined) return anonymous;
        throw noCredential();
      }
      const network = networkOf(peer);
      const waitMs = networks.waitMs(network);
      try {
        const [, scheme, text] = header.length <= LONGEST ? (AUTHORIZATION.exec(header) ?? []) : [];
        if (scheme === undefined || text === undefined) throw malformed();
        if (scheme.toLowerCase() === 'bearer') return await bearer(text);
        if (users === undefined) throw unauthenticated('Passwords are not accepted here. Send a token.');
        return await users.identify(text, waitMs);
      } catch (error) {
        if (!isFailure(error)) throw error;
        if (waitMs > 0) throw tooMany(waitMs);
        networks.failed(network);
        throw error;
      }
    },
    async holds(identity) {
      const { kind, credential, name, role } = identity;
      if (kind === 'token') return tokens.holds(credential);
      if (kind === 'user') return (await users?.holds(name, role)) ?? false;
      if (kind === 'oidc') return oidc?.holds(identity) ?? false;
      return true;
    },
  };
}
