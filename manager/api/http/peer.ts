import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createContextKey } from '@connectrpc/connect';
import type { HttpRequest } from './messages.ts';

/** Who is at the other end. */
export interface Peer {
  /** IP address; empty for a call in memory. */
  address: string;
  /** The connection to this process has TLS. */
  encrypted: boolean;
}

/** The peer of a call, for interceptors: `request.contextValues.get(peerKey)`. */
export const peerKey = createContextKey<Peer>(
  { address: '', encrypted: false },
  { description: 'the other end of the connection' },
);

/** Behind a proxy the address is what the nearest proxy says it saw; whatever stands before that, anybody may have
 *  written. */
export function peerOf(request: HttpRequest, behindProxy: boolean): Peer {
  const socket = request.socket as TLSSocket;
  const direct = plainAddress(socket.remoteAddress ?? '');
  const encrypted = socket.encrypted === true;
  if (!behindProxy) return { address: direct, encrypted };
  const hops = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
  const last = plainAddress(hops.at(-1)!.trim());
  return { address: isIP(last) > 0 ? last : direct, encrypted };
}

/** Without a port, the brackets of IPv6, and the prefix of IPv4 in IPv6. */
export function plainAddress(text: string): string {
  const bare = /^\[([^\]]*)\]/.exec(text)?.[1] ?? (/^[\d.]+:\d+$/.test(text) ? text.split(':')[0]! : text);
  return bare.startsWith('::ffff:') && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
}
