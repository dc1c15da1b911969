/** Signing in with a browser somewhere: the provider gives a code, the person enters it there, and here is waited for it. */
import type { OidcCredential } from '../contexts/file.ts';
import { note } from '../output.ts';
import { UsageError } from '../usage.ts';
import { askProvider } from './provider.ts';
import { endOf } from './refresh.ts';

export interface OidcMethod {
  issuer: string;
  clientId: string;
  scopes: string[];
}

/** Throws UsageError when it was refused, or nobody came in time. */
export async function signInByDevice(method: OidcMethod): Promise<OidcCredential> {
  const { provider, client } = await askProvider(method);
  if (provider.serverMetadata().device_authorization_endpoint === undefined) {
    throw new UsageError(
      `${method.issuer} has no device flow`,
      'Take a token instead: wiz login URL --token-file FILE',
    );
  }
  const scopes = [...new Set(['openid', ...method.scopes])];
  const device = await client.initiateDeviceAuthorization(provider, { scope: scopes.join(' ') });
  const whole = device.verification_uri_complete;
  note(`Open ${device.verification_uri} in a browser, and enter the code ${device.user_code}`);
  if (whole !== undefined) note(`or open ${whole}`);
  try {
    const tokens = await client.pollDeviceAuthorizationGrant(provider, device);
    const idToken = tokens.id_token;
    if (idToken === undefined)
      throw new UsageError(`${method.issuer} gave no id token`, 'Is "openid" among its scopes?');
    return {
      kind: 'oidc',
      ...method,
      idToken,
      expiresMs: endOf(idToken),
      refreshToken: tokens.refresh_token ?? '',
    };
  } catch (error) {
    if (!(error instanceof client.ResponseBodyError)) throw error;
    const reason =
      error.error === 'access_denied'
        ? 'it was refused'
        : error.error === 'expired_token'
          ? 'nobody entered the code in time'
          : (error.error_description ?? error.error);
    throw new UsageError(`you are not signed in: ${reason}`);
  }
}
