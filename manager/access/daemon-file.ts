import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `daemon.json` in the state folder: how the commands of the same user find the daemon of this machine, and get in. The token
 * is made anew at each start and is known to the daemon's process only, so that a file that a killed daemon left opens
 * nothing. Whoever can read it (mode 0600) could read the store beside it, too.
 */
export interface DaemonFile {
  url: string;
  token: string;
  managerId: string;
  pid: number;
  /** PEM of its certificate, when that is of no authority that others know. */
  ca?: string;
}

export function daemonFilePath(home: string): string {
  return join(home, 'daemon.json');
}

/** Takes the place of an older one at once: nobody reads half of it. */
export function writeDaemonFile(home: string, file: DaemonFile): void {
  const path = daemonFilePath(home);
  const written = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(written, `${JSON.stringify(file)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(written, path);
}

/** Undefined when there is none, or it is not to be understood. */
export function readDaemonFile(home: string): DaemonFile | undefined {
  try {
    const file = JSON.parse(readFileSync(daemonFilePath(home), 'utf8')) as DaemonFile;
    return typeof file.url === 'string' && typeof file.token === 'string' ? file : undefined;
  } catch {
    return undefined;
  }
}

/** The PEM of a certificate that is its own authority (self-signed, or with its root in the chain): what clients of this machine
 *  can check it against. Undefined when it is somebody else's: clients know who that is, or were told. */
export function ownAuthority(certificateFile: string): string | undefined {
  const pem = readFileSync(certificateFile, 'utf8');
  const last = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.at(-1);
  if (last === undefined) return undefined;
  const root = new X509Certificate(last);
  return root.checkIssued(root) ? pem : undefined;
}

/** Not that of a daemon which has begun meanwhile. */
export function removeDaemonFile(home: string, managerId: string): void {
  if (readDaemonFile(home)?.managerId === managerId) rmSync(daemonFilePath(home), { force: true });
}
