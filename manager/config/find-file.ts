import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Which wiz.yaml is read: the one that was named, else the first that is there of $WIZ_HOME/wiz.yaml,
 * $XDG_CONFIG_HOME/wiz/wiz.yaml (~/.config/wiz/wiz.yaml) and /etc/wiz/wiz.yaml. Not one of the working folder: a
 * daemon must not obey whoever owns the folder it is started in.
 */
export function findConfigFile(
  named: string | undefined,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const given = named ?? (environment.WIZ_CONFIG || undefined);
  return given ?? defaultPlaces(environment).find((path) => existsSync(path));
}

function defaultPlaces(environment: NodeJS.ProcessEnv): string[] {
  const { WIZ_HOME: home, XDG_CONFIG_HOME: config } = environment;
  return [
    ...(home ? [join(home, 'wiz.yaml')] : []),
    join(config || join(homedir(), '.config'), 'wiz', 'wiz.yaml'),
    '/etc/wiz/wiz.yaml',
  ];
}
