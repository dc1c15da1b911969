import { join } from 'node:path';
import { createRouterTransport, type Transport } from '@connectrpc/connect';
import { openFileStore } from '../files/open-file-store.ts';
import { WizError } from '../proto/error.ts';
import { FileService } from '../proto/gen/wiz/v1/files_pb.js';
import { ManagerService } from '../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../proto/gen/wiz/v1/runs_pb.js';
import { WIZ_VERSION } from '../proto/version.ts';
import { toldFileError } from './api/file-errors.ts';
import { fileService } from './api/file-service.ts';
import { managerService } from './api/manager-service.ts';
import { pipelineService } from './api/pipeline-service.ts';
import { recordService } from './api/record-service.ts';
import { runService } from './api/run-service.ts';
import { BACKGROUND_LEASE } from './background.ts';
import { connect } from './dispatch/connect.ts';
import { makeHome, wizHome } from './home.ts';
import { createLocalLauncher } from './launch/local.ts';
import { clearStagingOfExecutor } from './left-staging.ts';
import { createManager, type Manager } from './manager.ts';
import { MANAGER_TTL_MS } from './ownership.ts';
import type { RetentionPolicy } from './retention.ts';
import { openSqliteStore } from './store/sqlite.ts';

/** The one door of the manager: what the command line, and whoever embeds wiz, may use. */

export { wizHome } from './home.ts';

export interface OpenOptions {
  /** State folder; $WIZ_HOME or the XDG default when absent. */
  home?: string;
  kind: 'cli' | 'background';
  /** What programs inherit, and where WIZ_HOME, WIZ_FILE_STORE, WIZ_SLOTS, WIZ_MAX_RUNNING, WIZ_WARM, WIZ_ORPHAN,
   *  WIZ_KEEP_RUNS and WIZ_KEEP_DAYS are read. */
  environment: NodeJS.ProcessEnv;
  /** Use this executor, which somebody else started, and launch none. */
  executor?: { address: string; token: string } | undefined;
  /** Start launching an executor at once, beside everything else. */
  needsExecutor: boolean;
  /** Argv that starts wiz again, for the background manager. */
  wizEntry: string[];
  /** Told when runs have to wait because something cannot be written (a full disk), and with undefined when they go on. */
  onTrouble?: (error: Error | undefined) => void;
}

export interface BundledManager {
  /** The manager's API, in memory. */
  transport: Transport;
  /** Waits for the runs it owns (with handOver they go to a background manager instead), then leaves. */
  close(options?: { handOver?: boolean }): Promise<void>;
}

/** Opens a manager on the state folder, in this process. Throws WizError when the folder or the store cannot be
 *  used. */
export async function openBundledManager(options: OpenOptions): Promise<BundledManager> {
  const manager = await openManager(options);
  const transport = createRouterTransport((router) => {
    router.service(PipelineService, pipelineService(manager));
    router.service(RunService, runService(manager));
    router.service(ManagerService, managerService(manager));
    router.service(FileService, fileService(manager));
    router.service(RecordService, recordService(manager));
  });
  return {
    transport,
    async close({ handOver = false } = {}) {
      if (!handOver) await runsEnded(manager);
      await manager.close();
    },
  };
}

async function openManager(options: OpenOptions): Promise<Manager> {
  const { environment } = options;
  const home = options.home ?? wizHome(environment);
  const settings = readSettings(environment);
  makeHome(home);
  const store = await openSqliteStore(`${home}/wiz.db`);
  const address = environment.WIZ_FILE_STORE || `folder:${home}/files`;
  const files = await openFileStore(address, { environment }).catch(async (error) => {
    await store.close();
    throw toldFileError(error);
  });
  const launcher =
    options.executor === undefined
      ? createLocalLauncher({
          store,
          home,
          environment,
          entry: executorEntry(),
          files: address,
          version: WIZ_VERSION,
          forgotten: (executorId) => clearStagingOfExecutor({ home, store }, executorId),
          ...settings,
        })
      : (await import('./launch/given.ts')).createGivenLauncher({
          store,
          addresses: [options.executor.address],
          token: options.executor.token,
        });
  // Somebody chose it by hand: that it is not there, or the token is wrong, is told before a run is stored.
  if (options.executor !== undefined) {
    await launcher.ensure().catch(async (error) => {
      await Promise.all([store.close(), files.close()]);
      throw error;
    });
  }
  const manager = await createManager({ ...options, home, store, files, launcher, connect, ...settings });
  if (options.needsExecutor) manager.fleet.ensure();
  return manager;
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
    retention: { keepRuns: read('WIZ_KEEP_RUNS', 0) ?? 0, keepDays: read('WIZ_KEEP_DAYS', 0) ?? 0 },
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
  const manager = await openManager({ ...options, kind: 'background', needsExecutor: false });
  const { store, managerId } = manager;
  const beat = async () => {
    const nowMs = Date.now();
    return store.acquireLease(BACKGROUND_LEASE, '', managerId, nowMs, nowMs + MANAGER_TTL_MS);
  };
  const leave = () => void manager.close().then(() => process.exit(0));
  process.once('SIGTERM', leave);
  try {
    if (!(await beat())) return;
    for (let idleLooks = 0; idleLooks < IDLE_LOOKS; ) {
      const adopted = await manager.adoptOrphans(100);
      const busy = adopted > 0 || manager.loop.runs.size > 0;
      idleLooks = busy ? 0 : idleLooks + 1;
      await pause(IDLE_LOOK_MS);
      await beat();
    }
    await store.releaseLease(BACKGROUND_LEASE, '', managerId);
  } finally {
    process.removeListener('SIGTERM', leave);
    await manager.close();
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

/** JSON Schema of the manifest of a run. */
export async function manifestJsonSchema(): Promise<unknown> {
  const { manifestJsonSchema: schema } = await import('./api/manifest-schema.ts');
  return schema();
}
