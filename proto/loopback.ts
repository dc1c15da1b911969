import { BlockList, isIP } from 'node:net';

/** What never leaves this machine: clear text, and what asks nobody who calls, is for there only. */

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Of a host, in the brackets of a URL or not. A name may be anybody's, but for the one that RFC 6761 keeps for this machine. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const kind = isIP(address);
  if (kind === 0) return address.toLowerCase() === 'localhost';
  return LOOPBACK.check(address, kind === 4 ? 'ipv4' : 'ipv6');
}

/** Of an executor's address: unix:PATH, or HOST:PORT. */
export function isLocalAddress(address: string): boolean {
  if (address.startsWith('unix:')) return true;
  const host = /^(\[[^\]]*\]|[^:]+):[^:]*$/.exec(address)?.[1];
  return host !== undefined && isLoopback(host);
}
