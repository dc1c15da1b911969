import { createRouterTransport, type Transport } from '@connectrpc/connect';
import type { Finding } from '../proto/finding.ts';
import { createLocalGuard } from './access/local-guard.ts';
import { routes } from './api/routes.ts';
import { BACKGROUND_LEASE } from './background.ts';
import type { EffectiveSetting } from './config/effective.ts';
import type { ConfigSources } from './config/layers.ts';
import type { LoadedConfig } from './config/load.ts';
import type { Manager } from './manager.ts';
import { openBundledTracing } from './observe/bundled-tracing.ts';
import { type OpenOptions, openManager } from './open-manager.ts';
import { MANAGER_TTL_MS } from './ownership.ts';
import type { RunningDaemon, ServeOptions } from './serve.ts';
import type { BackedUp, Migrated, Moved, Progress, StoreAddress } from './store/transfer/stores.ts';

/** The one door of the manager: what the command line, and whoever embeds wiz, may use. */

export type { EffectiveSetting } from './config/effective.ts';
export type { ConfigSources } from './config/layers.ts';
export type { LoadedConfig } from './config/load.ts';
export type { OpenOptions } from './open-manager.ts';
export type { RunningDaemon, ServeOptions } from './serve.ts';
export type { BackedUp, Migrated, Moved, Progress, StoreAddress } from './store/transfer/stores.ts';

export interface BundledManager {
  /** The manager's API, in memory. */
  transport: Transport;
  /** Waits for the runs it owns (with handOver they go to a background manager instead), then leaves. */
  close(options?: { handOver?: boolean }): Promise<void>;
}

/** Opens a manager on the state folder, in this process. Throws WizError when the folder or the store cannot be
 *  used. */
export async function openBundledManager(options: OpenOptions): Promise<BundledManager> {
  const tracing = await openBundledTracing(options.environment);
  const manager = await openManager({ ...options, observer: tracing?.observer });
  const note = (message: string) => manager.log.warn(message);
  const guard = createLocalGuard({ store: manager.store, managerId: manager.managerId, note });
  const interceptors = [...(tracing?.interceptors ?? []), guard.interceptor];
  const transport = createRouterTransport(routes(manager), { router: { interceptors } });
  return {
    transport,
    async close({ handOver = false } = {}) {
      if (!handOver) await runsEnded(manager);
      await guard.close();
      await manager.close();
      await tracing?.close();
    },
  };
}

/** Milliseconds between looks at what is left to do. */
const IDLE_LOOK_MS = 100;

async function runsEnded(manager: Manager): Promise<void> {
  await manager.loop.settled();
  while (manager.loop.runs.size > 0) await pause(IDLE_LOOK_MS);
}

/** The background manager: goes on with every run that nobody owns; resolves when nothing is left to do, or at
 *  once when another one is there. */
export async function serveUntilIdle(options: Omit<OpenOptions, 'kind' | 'needsExecutor'>): Promise<void> {
  const tracing = await openBundledTracing(options.environment);
  const observer = tracing?.observer;
  const manager = await openManager({ ...options, kind: 'background', needsExecutor: false, observer });
  const { store, managerId } = manager;
  const beat = async () => {
    const nowMs = Date.now();
    return store.acquireLease(BACKGROUND_LEASE, '', managerId, nowMs, nowMs + MANAGER_TTL_MS);
  };
  const close = async () => {
    await manager.close();
    await tracing?.close();
  };
  const leave = () => void close().then(() => process.exit(0));
  process.once('SIGTERM', leave);
  try {
    if (!(await beat())) return;
    for (let idleLooks = 0; idleLooks < IDLE_LOOKS; ) {
      const adopted = await manager.sharing.claim(100);
      const busy = adopted > 0 || manager.loop.runs.size > 0 || (await manager.hooks.busy());
      idleLooks = busy ? 0 : idleLooks + 1;
      await pause(IDLE_LOOK_MS);
      await beat();
    }
    await store.releaseLease(BACKGROUND_LEASE, '', managerId);
  } finally {
    process.removeListener('SIGTERM', leave);
    await close();
  }
}

/** Looks without work after which the background manager ends: the next --detach within a second still finds it. */
const IDLE_LOOKS = 20;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** JSON Schema of the pipeline file, for editors. */
export async function pipelineJsonSchema(): Promise<unknown> {
  const { pipelineJsonSchema: schema } = await import('./spec/json-schema.ts');
  return schema();
}

/** JSON Schema of wiz.yaml, the configuration of a daemon. */
export async function configJsonSchema(): Promise<unknown> {
  const { configJsonSchema: schema } = await import('./config/schema.ts');
  return schema();
}

/** The configuration of a daemon from its file, the environment and flags. Throws WizError. */
export async function loadDaemonConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { loadConfig } = await import('./config/load.ts');
  return loadConfig(sources);
}

/** Every setting of a daemon with where its value came from; secrets are masked. */
export async function effectiveSettings(loaded: LoadedConfig): Promise<EffectiveSetting[]> {
  const { effectiveSettings: settings } = await import('./config/effective.ts');
  return settings(loaded);
}

/** Looks at what the configuration of a daemon names: store, files, port, certificate, provider. */
export async function* daemonFindings(
  loaded: LoadedConfig,
  environment: NodeJS.ProcessEnv,
): AsyncGenerator<Finding> {
  const { daemonFindings: findings } = await import('./doctor/daemon.ts');
  yield* findings(loaded, environment);
}

/** JSON Schema of the manifest of a run. */
export async function manifestJsonSchema(): Promise<unknown> {
  const { manifestJsonSchema: schema } = await import('./api/manifest-schema.ts');
  return schema();
}

/** Serves a manager that many clients share. Throws WizError. */
export async function serveManager(options: ServeOptions): Promise<RunningDaemon> {
  // The command line without a daemon needs none of it.
  const { serveManager: serve } = await import('./serve.ts');
  return serve(options);
}

/** Makes a store, or brings one up to date. Throws WizError. */
export async function migrateStore(address: string): Promise<Migrated> {
  const { migrateStore: migrate } = await import('./store/transfer/stores.ts');
  return migrate(address);
}

/** Writes a store as it is at one moment to a file. Throws WizError. */
export async function backupStore(
  from: StoreAddress,
  file: string,
  onProgress?: (progress: Progress) => void,
): Promise<BackedUp> {
  const { backupStore: backup } = await import('./store/transfer/stores.ts');
  return backup(from, file, onProgress);
}

/** Fills an empty store from such a file. Throws WizError. */
export async function restoreStore(
  file: string,
  to: StoreAddress,
  onProgress?: (progress: Progress) => void,
): Promise<Moved> {
  const { restoreStore: restore } = await import('./store/transfer/stores.ts');
  return restore(file, to, onProgress);
}

/** Fills an empty store with what another one has. Throws WizError. */
export async function copyStore(
  from: StoreAddress,
  to: StoreAddress,
  options?: { live?: boolean; onProgress?: (progress: Progress) => void },
): Promise<Moved> {
  const { copyStore: copy } = await import('./store/transfer/stores.ts');
  return copy(from, to, options);
}
