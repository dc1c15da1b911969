import type { ContextValues } from '@connectrpc/connect';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import type { Peer } from '../api/http/peer.ts';
import type { AuthConfig } from '../config/auth.ts';
import type { AccessStore } from '../store/access-store.ts';
import { createAuditLog } from './audit.ts';
import { type Authenticator, createAuthenticator } from './authenticate.ts';
import { outOfScope, roleTooLow } from './denial.ts';
import { type Identity, localUser, NOBODY, roleOf } from './identity.ts';
import { createGuard, type Guard } from './interceptor.ts';
import { createLimiter } from './limiter.ts';
import { createOidc } from './oidc.ts';
import { createTokens } from './tokens.ts';
import { createUsers } from './users.ts';

/** Who may use a manager, and who did. */
export interface Access extends Guard {
  /** For what is served beside the API: who calls, if they have the role. Credentials with scopes are for methods of the API
   *  only. Throws ConnectError. */
  admit(headers: Headers, peer: Pick<Peer, 'address'>, role: Role): Promise<Identity>;
  /** What a caller may be told about signing in. */
  readonly auth: AuthConfig;
  /** A token for the user of this machine: it opens everything, and nothing once this process has ended. */
  issueToken(): string;
  /** A token was revoked here: it opens nothing from now on. */
  tokenRevoked(tokenId: string): void;
  /** Resolves with what an operator does next when nobody could sign in yet; undefined when somebody could. */
  nextStep(): Promise<string | undefined>;
  /** Writes what the audit has left. */
  close(): Promise<void>;
}

export interface AccessOptions {
  store: AccessStore;
  managerId: string;
  auth: AuthConfig;
  /** Address of the other end of a call. */
  peerOf: (values: ContextValues) => string;
  /** For the log of the daemon. Never with a secret in it. */
  note: (message: string) => void;
  now?: () => number;
}

const MINUTE_MS = 60_000;

export function createAccess(options: AccessOptions): Access {
  const { store, managerId, auth, peerOf, note, now = Date.now } = options;
  const tokens = createTokens({ store, bootstrapToken: auth.bootstrapToken, now, note });
  const limits = { firstWaitMs: 1000, forgetMs: 15 * MINUTE_MS, capacity: 10_000, now };
  const authenticator: Authenticator = createAuthenticator({
    tokens,
    users: auth.basic
      ? // A guesser must not lock the owner out for long: the account waits less than the network.
        createUsers({ store, accounts: createLimiter({ ...limits, free: 5, longestWaitMs: MINUTE_MS }), now })
      : undefined,
    oidc: auth.oidc && createOidc(auth.oidc, { now, note }),
    anonymous: auth.anonymous && { ...NOBODY, role: roleOf(auth.anonymous) },
    networks: createLimiter({ ...limits, free: 10, longestWaitMs: 5 * MINUTE_MS }),
  });
  const audit = createAuditLog({ store, managerId, keepDays: auth.audit.keepDays, note });
  const guard = createGuard({
    audit,
    identify: (headers, values) => authenticator.identify(headers, peerOf(values)),
    holds: authenticator.holds,
    peerOf,
    now,
  });

  return {
    ...guard,
    auth,
    async admit(headers, { address }, role) {
      const caller = role === Role.ANYONE ? NOBODY : await authenticator.identify(headers, address);
      if (role === Role.UNSPECIFIED || caller.role < role) throw roleTooLow('This address', role, caller);
      if (caller.scopes.length > 0) throw outOfScope('This address', caller.name);
      return caller;
    },
    issueToken: () => tokens.issue(localUser()),
    tokenRevoked: tokens.forget,
    async nextStep() {
      const { oidc, bootstrapToken, anonymous } = auth;
      if ((oidc ?? bootstrapToken ?? anonymous) !== undefined) return undefined;
      if (await store.hasCredentials(now())) return undefined;
      return 'nobody has a token yet; on this machine: wiz tokens create --manager local --name NAME --role admin';
    },
    close: audit.close,
  };
}
