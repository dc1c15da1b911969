/** New id tokens for contexts that were signed in to with OIDC. */
import { changeContexts, type OidcCredential } from '../contexts/file.ts';
import { isOld } from '../remote/credentials.ts';
import { UsageError } from '../usage.ts';
import { askProvider } from './provider.ts';

/** The credential with a fresh token, kept in the context. Throws UsageError when one has to sign in again. */
export async function refreshed(name: string, old: OidcCredential): Promise<OidcCredential> {
  let fresh = old;
  await changeContexts(process.env, async (contexts) => {
    const context = contexts.contexts[name];
    const kept = context?.credential;
    // Another wiz may have done it while this one waited; a provider may take each refresh token once.
    if (kept?.kind === 'oidc' && !isOld(kept.expiresMs)) {
      fresh = kept;
      return contexts;
    }
    fresh = await renewed(name, kept?.kind === 'oidc' ? kept : old);
    if (context === undefined) return contexts;
    return { ...contexts, contexts: { ...contexts.contexts, [name]: { ...context, credential: fresh } } };
  });
  return fresh;
}

async function renewed(name: string, credential: OidcCredential): Promise<OidcCredential> {
  const hint = `Sign in again: wiz login ${name}`;
  if (credential.refreshToken === '') throw new UsageError('you are signed out: your time is over', hint);
  const { provider, client } = await askProvider(credential);
  try {
    const tokens = await client.refreshTokenGrant(provider, credential.refreshToken);
    const idToken = tokens.id_token;
    if (idToken === undefined) throw new UsageError('the provider gave no new id token', hint);
    return {
      ...credential,
      idToken,
      expiresMs: endOf(idToken),
      refreshToken: tokens.refresh_token ?? credential.refreshToken,
    };
  } catch (error) {
    if (error instanceof client.ResponseBodyError) {
      throw new UsageError(`you are signed out: ${error.error_description ?? error.error}`, hint);
    }
    throw error;
  }
}

/** When a JWT ends, in milliseconds; 0 when it does not say. It is checked by the daemon, not here. */
export function endOf(jwt: string): number {
  try {
    const claims = JSON.parse(Buffer.from(jwt.split('.')[1]!, 'base64url').toString('utf8')) as {
      exp?: number;
    };
    return typeof claims.exp === 'number' ? claims.exp * 1000 : 0;
  } catch {
    return 0;
  }
}
