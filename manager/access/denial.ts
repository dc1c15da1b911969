import { Code, ConnectError } from '@connectrpc/connect';
import type { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { roleName } from './identity.ts';

/** Why a call is refused. None says which part of a credential was wrong, nor repeats any of it. */

/** RFC 9110: an answer 401 says how to do better. Not `Basic`: browsers would ask for a password by themselves. */
const CHALLENGE = { 'www-authenticate': 'Bearer realm="wiz"' };

export function unauthenticated(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.Unauthenticated, CHALLENGE, undefined, cause);
}

export function noCredential(): ConnectError {
  return unauthenticated(
    'No credential was sent. Sign in with `wiz login`, or send a token: `Authorization: Bearer …`.',
  );
}

export function malformed(): ConnectError {
  return unauthenticated(
    'The header Authorization is not understood: `Bearer TOKEN` or `Basic …`, at most 12,000 characters.',
  );
}

/** Whether somebody showed a wrong credential. */
export function isFailure(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unauthenticated;
}

export function roleTooLow(
  what: string,
  needed: Role,
  { name, role }: { name: string; role: Role },
): ConnectError {
  const message = `${what} needs the role ${roleName(needed)}; ${name} has the role ${roleName(role)}.`;
  return new ConnectError(message, Code.PermissionDenied);
}

export function outOfScope(what: string, name: string): ConnectError {
  return new ConnectError(`${what} is not among the scopes of ${name}.`, Code.PermissionDenied);
}

/** Too many failures before. */
export function tooMany(waitMs: number): ConnectError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const message = `Too many failed attempts. Try again in ${seconds} s.`;
  return new ConnectError(message, Code.ResourceExhausted, { 'retry-after': String(seconds) });
}
