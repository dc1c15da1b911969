import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where state lives: $WIZ_HOME, else $XDG_STATE_HOME/wiz, else ~/.local/state/wiz. Absolute. */
export function wizHome(environment: NodeJS.ProcessEnv): string {
  if (environment.WIZ_HOME) return resolve(environment.WIZ_HOME);
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'wiz');
}
