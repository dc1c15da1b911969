/** The daemon that this user started on this state folder: it tells in daemon.json (0600) where it is and how to be let in. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Context } from './file.ts';

interface DaemonFile {
  url: string;
  token?: string;
  /** PEM of its certificate, when that is of no known authority. */
  ca?: string;
  pid: number;
}

/** Undefined when there is none, or it has ended without saying so. */
export function localDaemon(environment: NodeJS.ProcessEnv): Context | undefined {
  try {
    const path = join(stateFolder(environment), 'daemon.json');
    const { url, token, ca, pid } = JSON.parse(readFileSync(path, 'utf8')) as DaemonFile;
    process.kill(pid, 0);
    return {
      url,
      ...(ca !== undefined && { ca }),
      ...(token !== undefined && { credential: { kind: 'token', token } }),
    };
  } catch {
    return undefined;
  }
}

/** As the manager has it, which is not loaded for this. */
function stateFolder({ WIZ_HOME: home, XDG_STATE_HOME: state }: NodeJS.ProcessEnv): string {
  return home ? resolve(home) : join(state || join(homedir(), '.local', 'state'), 'wiz');
}
