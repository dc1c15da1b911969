import { hash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

let machine: string | undefined;

/** Where a pid of this process means the same: this machine since it started, or this container. 16 hexadecimal
 *  digits; the name of the machine where that cannot be found out. */
export function machineId(): string {
  machine ??= readMachine();
  return machine;
}

function readMachine(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return hash('sha256', `${boot} ${readlinkSync('/proc/self/ns/pid')}`, 'hex').slice(0, 16);
  } catch {
    return hostname();
  }
}
