import { userInfo } from 'node:os';
import { createContextKey } from '@connectrpc/connect';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';

/** Who calls. */
export interface Identity {
  kind: 'token' | 'user' | 'oidc' | 'bootstrap' | 'machine' | 'local' | 'anonymous';
  name: string;
  role: Role;
  /** Service/Method or Service/*; empty: all that the role may. */
  scopes: readonly string[];
  /** 0: never. */
  expiresMs: number;
  /** Id of the token, or the sub of an OIDC caller: what the name may not tell. */
  credential: string;
}

/** Whom a call was taken to be from, for handlers: `context.values.get(callerKey)`. */
export const callerKey = createContextKey<Identity | undefined>(undefined, { description: 'the caller' });

/** A caller of what needs no credential. */
export const NOBODY: Identity = {
  kind: 'anonymous',
  name: 'anonymous',
  role: Role.ANYONE,
  scopes: [],
  expiresMs: 0,
  credential: '',
};

/** The user of this machine's own manager: whoever can open the state folder may do everything with it. */
export function localIdentity(): Identity {
  return adminIdentity('local', localUser(), '');
}

/** A credential that opens everything. */
export function adminIdentity(kind: Identity['kind'], name: string, credential: string): Identity {
  return { kind, name, role: Role.ADMIN, scopes: [], expiresMs: 0, credential };
}

/** A container may run as a user id that has no name. */
export function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

const ROLE_NAMES = { viewer: Role.VIEWER, operator: Role.OPERATOR, admin: Role.ADMIN } as const;
export type RoleName = keyof typeof ROLE_NAMES;

export function roleOf(name: RoleName): Role {
  return ROLE_NAMES[name];
}

export function roleName(role: Role): string {
  const [name] = Object.entries(ROLE_NAMES).find(([, value]) => value === role) ?? ['nobody'];
  return name;
}
