import { join } from 'node:path';
import type { FileStore } from '../files/file-store.ts';
import { openFileStore } from '../files/open-file-store.ts';
import { WizError } from '../proto/error.ts';
import { wizHome } from '../proto/home.ts';
import { WIZ_VERSION } from '../proto/version.ts';
import { toldFileError } from './api/file-errors.ts';
import { connect } from './dispatch/connect.ts';
import { makeHome } from './home.ts';
import { type HookSettings, NO_HOOKS } from './hooks/hooks.ts';
import type { Launcher } from './launch/launcher.ts';
import { createLaunchers } from './launch/launchers.ts';
import { createLocalLauncher } from './launch/local.ts';
import { clearStagingOfExecutor } from './left-staging.ts';
import { createManager, type Manager } from './manager.ts';
import { bundledLog, type Log } from './observe/log.ts';
import type { Observer } from './observe/observer.ts';
import type { RetentionPolicy } from './retention.ts';
import { openStore } from './store/open-store.ts';
import type { ManagerRow, Store } from './store/store.ts';

export interface OpenOptions {
  /** State folder; $WIZ_HOME or the XDG default when absent. */
  home?: string;
  kind: ManagerRow['kind'];
  /** Of a daemon; by default it does everything. */
  roles?: ManagerRow['roles'];
  /** sqlite:/path or postgres://…; $WIZ_STORE, or wiz.db in the state folder, when absent. */
  store?: string;
  /** What programs inherit, and where WIZ_HOME, WIZ_STORE, WIZ_FILE_STORE, WIZ_SLOTS, WIZ_MAX_RUNNING, WIZ_WARM, WIZ_ORPHAN,
   *  WIZ_EXECUTOR_GRACE, WIZ_KEEP_RUNS and WIZ_KEEP_DAYS are read. */
  environment: NodeJS.ProcessEnv;
  /** Use this executor, which somebody else started, and launch none. */
  executor?: { address: string; token: string } | undefined;
  /** Whether this manager starts executors on this machine; when they are needed, if absent. Those that are registered are
   *  used in any case. */
  localExecutors?: Launcher['starts'];
  /** Start launching an executor at once, beside everything else. */
  needsExecutor: boolean;
  /** Hooks of the manager's own, and what those of pipelines may do; by default none, and all. */
  hooks?: HookSettings;
  /** Argv that starts wiz again, for the background manager. */
  wizEntry: string[];
  /** See ManagerOptions. */
  managerId?: string | undefined;
  /** By default nothing is logged but with WIZ_DEBUG. */
  log?: Log | undefined;
  observer?: Observer | undefined;
  /** Told when runs have to wait because something cannot be written (a full disk), and with undefined when they go on. */
  onTrouble?: (error: Error | undefined) => void;
}

/** Opens the store and the file store that the options name, and a manager on them. Throws WizError. */
export async function openManager(options: OpenOptions): Promise<Manager> {
  const { environment, roles = ['api', 'runs'], hooks = NO_HOOKS, log = bundledLog(process.env) } = options;
  const home = options.home ?? wizHome(environment);
  const settings = readSettings(environment);
  makeHome(home);
  const store = await openStore(options.store || environment.WIZ_STORE || `sqlite:${home}/wiz.db`);
  let files: FileStore | undefined;
  try {
    const address = environment.WIZ_FILE_STORE || `folder:${home}/files`;
    files = await openFileStore(address, { environment }).catch((error) => {
      throw toldFileError(error);
    });
    const ground = { ...options, ...settings, roles, hooks, log, home, store, files };
    const launcher = await openLauncher({ ...ground, files: address });
    const manager = await createManager({ ...ground, launcher, connect });
    if (options.needsExecutor) manager.fleet.ensure();
    return manager;
  } catch (error) {
    await files?.close();
    await store.close();
    throw error;
  }
}

interface LauncherGround extends Omit<OpenOptions, 'store'>, Settings {
  home: string;
  store: Store;
  /** Address of the file store. */
  files: string;
  log: Log;
}

async function openLauncher(ground: LauncherGround): Promise<Launcher> {
  const { store, home, executor, executorGraceMs: graceMs } = ground;
  if (executor !== undefined) {
    const { createGivenLauncher } = await import('./launch/given.ts');
    const { address, token } = executor;
    const given = createGivenLauncher({ store, addresses: [address], token, graceMs });
    // Somebody chose it by hand: that it is not there, or the token is wrong, is told before a run is stored.
    await given.ensure();
    return given;
  }
  return createLaunchers({
    ...{ store, graceMs, log: ground.log },
    starts: ground.localExecutors ?? 'when-needed',
    rows: await store.listExecutors(),
    local: createLocalLauncher({
      ...ground,
      entry: executorEntry(),
      version: WIZ_VERSION,
      forgotten: (executorId) => clearStagingOfExecutor({ home, store }, executorId),
    }),
  });
}

/** The executor's program file: beside the bundle this runs from, or in the sources. */
function executorEntry(): string {
  const here = import.meta.dirname;
  if (import.meta.filename.endsWith('.ts')) return join(here, '../executor/main.ts');
  // The bundle keeps what several entries share in dist/chunks.
  return join(here.slice(0, here.lastIndexOf('dist') + 'dist'.length), 'executor/main.js');
}

interface Settings {
  slots: number | undefined;
  globalLimit: number | undefined;
  warmMs: number | undefined;
  orphanMs: number | undefined;
  executorGraceMs: number | undefined;
  retention: RetentionPolicy;
}

/** Numbers from the environment. Throws WizError invalid_argument for what is no number. */
function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const read = (name: string, least: number, scale = 1): number | undefined => {
    const text = environment[name];
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value >= least) return value * scale;
    throw new WizError('invalid_argument', `${name} must be a number from ${least} on, not "${text}".`);
  };
  return {
    slots: read('WIZ_SLOTS', 1),
    globalLimit: read('WIZ_MAX_RUNNING', 1),
    warmMs: read('WIZ_WARM', 0, 1000),
    orphanMs: read('WIZ_ORPHAN', 0, 1000),
    executorGraceMs: read('WIZ_EXECUTOR_GRACE', 1, 1000),
    retention: { keepRuns: read('WIZ_KEEP_RUNS', 0) ?? 0, keepDays: read('WIZ_KEEP_DAYS', 0) ?? 0 },
  };
}
