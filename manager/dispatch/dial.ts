import type { ExecutorRow } from '../store/store.ts';
import type { TlsOptions } from './channel.ts';

/** What it takes to call an executor. */
export interface Dial {
  /** unix:/path or host:port */
  address: string;
  token: string;
  /** Absent is clear text. */
  tls?: TlsOptions | undefined;
}

export function dialOf({ address, token, tls }: Pick<ExecutorRow, 'address' | 'token' | 'tls'>): Dial {
  if (tls === null) return { address, token };
  const { authority, serverName, certificate, key } = tls;
  return { address, token, tls: { authority, serverName, certificate, key } };
}
