import { WizError } from '../../proto/error.ts';
import { isLoopback } from '../../proto/loopback.ts';
import type { AuthConfig } from '../config/auth.ts';

/** What other machines could reach must be encrypted, and ask who calls. */

export interface Exposure {
  path: string[];
  message: string;
  hint: string;
}

export interface Exposed {
  listen: { host: string; port: number };
  tls: unknown;
  behindProxy: boolean;
  auth: Pick<AuthConfig, 'anonymous'>;
}

/** What would be open, where, and what to do; undefined when nothing would. `path` is the setting to change. */
export function exposureOf({ listen, tls, behindProxy, auth }: Exposed): Exposure | undefined {
  if (isLoopback(listen.host) || behindProxy) return undefined;
  const where = `${listen.host}, port ${listen.port}, can be reached from other machines`;
  if (tls === undefined) {
    const hint =
      'Give it a certificate (tls.certificate and tls.key), listen on 127.0.0.1, or say behindProxy: true when a proxy in front has TLS.';
    return { path: ['listen'], message: `${where}, and credentials would pass in clear text`, hint };
  }
  if (auth.anonymous === undefined) return undefined;
  const hint =
    'Take auth.anonymous away, listen on 127.0.0.1, or say behindProxy: true when a proxy in front asks who calls.';
  const message = `${where}, and whoever shows no credential would be ${auth.anonymous}`;
  return { path: ['auth', 'anonymous'], message, hint };
}

/** Throws WizError invalid_argument. */
export function checkExposure(exposed: Exposed): void {
  const found = exposureOf(exposed);
  if (found === undefined) return;
  throw new WizError('invalid_argument', `${found.path.join('.')}: ${found.message}. ${found.hint}`);
}
