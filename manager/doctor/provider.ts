import { type Finding, fail, ok, reasonOf, warn } from '../../proto/finding.ts';
import type { OidcConfig } from '../config/auth.ts';

const TIMEOUT_MS = 5000;

/** Whether the OIDC provider is there, is who it should be, has keys, and lets `wiz login` in. */
export async function providerFindings({ issuer, clientId }: OidcConfig): Promise<Finding[]> {
  const name = 'OIDC';
  try {
    const discovery = await ask(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    if (discovery.issuer !== issuer) {
      const advice = 'auth.oidc.issuer must be written exactly as the provider does.';
      return [fail(name, `${issuer} says that it is ${String(discovery.issuer)}`, advice)];
    }
    const { keys } = await ask(String(discovery.jwks_uri));
    const count = Array.isArray(keys) ? keys.length : 0;
    if (count === 0) return [fail(name, `${issuer} has no keys`, 'No token of it can be checked.')];
    const found = ok(name, `${issuer}, ${count} keys, client ${clientId}`);
    if (discovery.device_authorization_endpoint !== undefined) return [found];
    const advice = 'Allow the device flow for the client, or let people use tokens.';
    return [found, warn('OIDC login', 'the provider has no device flow: wiz login cannot use it', advice)];
  } catch (error) {
    return [fail(name, `${issuer}: ${reasonOf(error)}`, 'Is auth.oidc.issuer right, and the provider up?')];
  }
}

async function ask(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}
