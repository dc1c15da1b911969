/** New id tokens for contexts that were signed in to with OIDC. */
import { Code, ConnectError } from '@connectrpc/connect';
import { changeContexts, type OidcCredential, ownContext } from '../contexts/file.ts';
import { askProvider } from './provider.ts';

/** The credential with a fresh token, kept in the context. Throws ConnectError when one has to sign in again. */
export async function refreshed(name: string, old: OidcCredential): Promise<OidcCredential> {
  let fresh = old;
  await changeContexts(process.env, async (contexts) => {
    const context = ownContext(contexts.contexts, name);
    const kept = context?.credential;
    // Another wiz may have done it while this one waited; a provider may take each refresh token once.
    if (kept?.kind === 'oidc' && kept.idToken !== old.idToken) {
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
  const signedOut = (why: string, cause?: unknown) =>
    new ConnectError(
      `You are signed out: ${why}. Sign in again: wiz login ${name}`,
      Code.Unauthenticated,
      undefined,
      undefined,
      cause,
    );
  if (credential.refreshToken === '') throw signedOut('your time is over');
  const { provider, client } = await askProvider(credential).catch((error) => {
    throw signedOut(error.message, error);
  });
  try {
    const tokens = await client.refreshTokenGrant(provider, credential.refreshToken);
    const idToken = tokens.id_token;
    if (idToken === undefined) throw signedOut('the provider gave no new id token');
    return {
      ...credential,
      idToken,
      expiresMs: endOf(idToken),
      refreshToken: tokens.refresh_token ?? credential.refreshToken,
    };
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    const { error: code, error_description: words } = error as { error?: string; error_description?: string };
    throw signedOut(words ?? code ?? (error as Error).message, error);
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
