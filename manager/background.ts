import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { seemsAlive } from './ownership.ts';
import { takesOrphans } from './sharing.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** Name of the lease that makes the background manager the only one of a store. */
export const BACKGROUND_LEASE = 'background';
/** Milliseconds in which a manager that was just spawned is expected to show up. */
const SPAWN_GRACE_MS = 3000;

/**
 * The background manager: a process of its own that goes on with runs nobody owns (started with --detach, left
 * by a second Ctrl-C, or by a manager that died), and ends when nothing is left to do.
 */
export interface Background {
  /** Starts one unless one lives or was just started, or daemons share the runs. Nothing for a daemon itself: with it are
   *  other daemons, now or later. */
  ensure(): Promise<void>;
}

export function createBackground(options: {
  kind: ManagerRow['kind'];
  store: Store;
  home: string;
  /** Argv that starts wiz; the command is added. */
  wizEntry: string[];
  environment: NodeJS.ProcessEnv;
}): Background {
  let spawnedMs = 0;
  return {
    async ensure() {
      if (options.kind === 'daemon') return;
      const managers = await options.store.listManagers();
      if (managers.some((manager) => takesOrphans(manager) && seemsAlive(manager))) return;
      if (Date.now() - spawnedMs < SPAWN_GRACE_MS) return;
      spawnedMs = Date.now();
      const log = openSync(join(options.home, 'manager.log'), 'a', 0o600);
      try {
        const [program, ...args] = options.wizEntry;
        const child = spawn(program!, [...args, 'manager-background'], {
          detached: true,
          stdio: ['ignore', log, log],
          env: ownEnvironment(options),
          cwd: '/',
        });
        child.on('error', () => {});
        child.unref();
      } finally {
        closeSync(log);
      }
    },
  };
}

/** wiz may be called by a program of a run: what marks that program must not mark the background manager, or it
 *  would be ended together with the program. */
function ownEnvironment({ environment, home }: { environment: NodeJS.ProcessEnv; home: string }) {
  const own: NodeJS.ProcessEnv = { ...environment, WIZ_HOME: home };
  for (const name of ['WIZ_EXECUTOR_ID', 'WIZ_RUN_ID', 'WIZ_PROCESSOR', 'WIZ_ATTEMPT']) delete own[name];
  return own;
}
