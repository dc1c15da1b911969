import { isLoopback } from '../contexts/url.ts';
import { UsageError } from '../usage.ts';

/** Seconds for each answer. The file of contexts is locked while two are waited for: they are over before that lock counts as
 *  left (STALE_MS of contexts/file.ts). */
const TIMEOUT_S = 10;

/** What an OIDC provider says of itself, for openid-client, which is loaded here: 30 ms that only signing in costs. */
export async function askProvider({ issuer, clientId }: { issuer: string; clientId: string }) {
  const client = await import('openid-client');
  // The device flow is for clients that can keep no secret.
  const auth = client.None();
  const options = {
    timeout: TIMEOUT_S,
    ...(isLoopback(issuer) && { execute: [client.allowInsecureRequests] }),
  };
  try {
    const provider = await client.discovery(new URL(issuer), clientId, undefined, auth, options);
    return { provider, client };
  } catch (error) {
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new UsageError(
      `the provider ${issuer} cannot be asked: ${reason}`,
      'Is it up, and its address in the configuration of the daemon right?',
    );
  }
}
