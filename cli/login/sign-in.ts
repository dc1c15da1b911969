/** How one signs in: by what the flags say, else by what the daemon has. */
import { Code, ConnectError } from '@connectrpc/connect';
import {
  AccessService,
  type GetLoginMethodsResponse,
  type Identity,
} from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import type { Api } from '../api.ts';
import type { Credential } from '../contexts/file.ts';
import { roleWord } from '../roles.ts';
import { contentOf } from '../source.ts';
import { UsageError } from '../usage.ts';
import { askSecret, askText, firstLine } from './secret-input.ts';

export interface SignInFlags {
  'token-file'?: string | undefined;
  token: boolean;
  user?: string | undefined;
}

export interface SignedIn {
  /** Undefined: the daemon asks for none. */
  credential: Credential | undefined;
  identity: Identity;
}

/** Throws UsageError when the daemon does not accept what was given. */
export async function signIn(
  open: (credential: Credential | undefined) => Promise<Api>,
  flags: SignInFlags,
): Promise<SignedIn> {
  const api = await open(undefined);
  const methods = await api
    .client(AccessService)
    .getLoginMethods({})
    .finally(() => api.close());
  const credential = await credentialFrom(methods, flags);
  const checked = await open(credential);
  try {
    const { identity } = await checked.client(AccessService).getIdentity({});
    return { credential, identity: identity! };
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) throw error;
    throw new UsageError(`the daemon does not accept it: ${error.rawMessage}`);
  } finally {
    await checked.close();
  }
}

async function credentialFrom(
  { basic, oidc, anonymous }: GetLoginMethodsResponse,
  flags: SignInFlags,
): Promise<Credential | undefined> {
  const file = flags['token-file'];
  if (file !== undefined) {
    const text = file === '-' ? Buffer.concat(await process.stdin.toArray()) : await contentOf(file);
    return tokenOf(text.toString('utf8'));
  }
  if (flags.user !== undefined) {
    if (!basic) throw new UsageError('the daemon takes no user names and passwords');
    return { kind: 'basic', user: flags.user, password: await askSecret('Password: ') };
  }
  if (flags.token) return tokenOf(await askSecret('Token: '));
  if (oidc !== undefined) {
    const { signInByDevice } = await import('./device.ts');
    const { issuer, clientId, scopes } = oidc;
    return signInByDevice({ issuer, clientId, scopes });
  }
  if (anonymous !== Role.UNSPECIFIED) return undefined;
  // Standard input that is no terminal brings a token.
  if (!basic || !process.stdin.isTTY) return tokenOf(await askSecret('Token: '));
  const user = await askText('User (empty: sign in with a token): ', '');
  if (user === '') return tokenOf(await askSecret('Token: '));
  return { kind: 'basic', user, password: await askSecret('Password: ') };
}

function tokenOf(text: string): Credential {
  const token = firstLine(text);
  if (token === '')
    throw new UsageError('there is no token', 'Give it with --token-file FILE, or on standard input.');
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('that is no token: it holds what no token can');
  return { kind: 'token', token };
}

/** `as ada (operator)` */
export function identityWords({ name, role }: Identity): string {
  return `as ${name} (${roleWord(role) || 'no role'})`;
}
