/** The daemon that this user started on this state folder: it tells in daemon.json (0600) where it is and how to be let in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wizHome } from '../../proto/home.ts';
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
    const path = join(wizHome(environment), 'daemon.json');
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
