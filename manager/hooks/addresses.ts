import { BlockList, isIP } from 'node:net';
import { type HookPolicy, NotAllowed, namesHost } from './policy.ts';

/** Networks that requests of other people's making are not sent to, or only if that is allowed. */

const LINK_LOCAL = blockList(['169.254.0.0/16', 'fe80::/10']);
const PRIVATE = blockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/127',
  'fc00::/7',
]);

/**
 * Throws NotAllowed for an address that webhooks may not go to. It is asked for the address that is connected to, not
 * for the name, which may stand for another one a moment later. Link-local ones, where clouds hand out credentials, are
 * refused unless `hosts` names them.
 */
export function checkAddress(host: string, address: string, policy: HookPolicy): void {
  const inner = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(inner) === 6 ? 'ipv6' : 'ipv4';
  const named = namesHost(host, policy);
  if (LINK_LOCAL.check(inner, family) && !named) {
    throw new NotAllowed(`${host} is the link-local address ${address}, where nothing may be sent.`);
  }
  if (!policy.privateAddresses && PRIVATE.check(inner, family) && !named) {
    throw new NotAllowed(`${host} is the private address ${address} (hooks.allow.privateAddresses).`);
  }
}

function blockList(networks: string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split('/') as [string, string];
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
