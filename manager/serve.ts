import type { ContextValues } from '@connectrpc/connect';
import { createAccess } from './access/access.ts';
import { ownAuthority, removeDaemonFile, writeDaemonFile } from './access/daemon-file.ts';
import { checkExposure } from './access/exposure.ts';
import { callerKey } from './access/identity.ts';
import { peerKey } from './api/http/peer.ts';
import { serveHttp } from './api/http/server.ts';
import { routes } from './api/routes.ts';
import type { DaemonConfig } from './config/config.ts';
import { drain } from './drain.ts';
import { hookSettings, isForHooks } from './hooks/settings.ts';
import type { Manager } from './manager.ts';
import type { LogFields } from './observe/log.ts';
import { type Observability, openObservability, startFields } from './observe/observability.ts';
import { type OpenOptions, openManager } from './open-manager.ts';
import { trimMemorySoon } from './trim-memory.ts';

/** A manager as a service, until it is told to end. */
export interface RunningDaemon {
  readonly managerId: string;
  /** http(s)://host:port; undefined when it only owns runs. */
  readonly url: string | undefined;
  /** Gives its runs to other managers, or to its next start, and leaves; within 20 s, whatever does not answer. */
  close(): Promise<void>;
}

export interface ServeOptions {
  config: DaemonConfig;
  /** What programs of local executors inherit. */
  environment: NodeJS.ProcessEnv;
  /** Argv that starts wiz again. */
  wizEntry: string[];
}

/** Serves a manager on its port. Throws WizError. */
export async function serveManager(options: ServeOptions): Promise<RunningDaemon> {
  const { config, environment, wizEntry } = options;
  checkExposure(config);
  const observability = await openObservability({ config, environment, caller });
  const { managerId, log, observer } = observability;
  const manager = await openManager({
    kind: 'daemon',
    roles: config.roles,
    home: config.home,
    store: config.store,
    environment: { ...withSettings(environment, config), ...observability.environment },
    ...{ managerId, log, observer },
    hooks: { ...hookSettings(config.hooks, config.home), environment },
    localExecutors: localExecutorsOf(config),
    needsExecutor: false,
    wizEntry,
  });
  const api = config.roles.includes('api') ? await serveApi(manager, config, observability) : undefined;
  log.info(api === undefined ? 'serving runs, and no API' : `serving at ${api.url}`, startFields(config));
  const letMemoryBe = trimMemorySoon(() => manager.loop.runs.size === 0);
  return {
    managerId,
    url: api?.url,
    async close() {
      log.info('ending; runs go on under another manager, or when this one is started again');
      letMemoryBe();
      observability.draining();
      // Streams end first, so that who watches is with another manager when the runs are.
      api?.drain();
      await within(DRAIN_MS, drain(manager));
      await within(GRACE_MS + LEAVE_MS, api?.close());
      await within(LEAVE_MS, manager.close());
      log.info('ended');
      await observability.close();
    },
  };
}

/** Milliseconds for each part of the way out. Without a store that answers, nothing of it can be done: leases then end by
 *  themselves. Together they are less than what systemd, Docker (with stop_grace_period) and Kubernetes give: 30 s. */
const DRAIN_MS = 8_000;
const GRACE_MS = 5_000;
const LEAVE_MS = 5_000;

/** The API on its port, and how clients on this machine find it. */
interface ServedApi {
  url: string;
  /** Streams end, and clients are sent elsewhere. */
  drain(): void;
  close(): Promise<void>;
}

async function serveApi(
  manager: Manager,
  config: DaemonConfig,
  observability: Observability,
): Promise<ServedApi> {
  const { managerId, store, membership } = manager;
  const { home, listen, tls, behindProxy, origins, auth } = config;
  const note = (message: string) => manager.log.warn(message);
  const peerOf = (values: ContextValues) => values.get(peerKey).address;
  const access = createAccess({ store, managerId, auth, peerOf, note });
  const { admit } = access;
  const gate = observability.gate(access.gate);
  const server = await serveHttp({
    ...{ ...listen, tls, behindProxy, origins, gate, admit, note },
    routes: routes(manager, access),
    interceptors: [observability.interceptor, access.interceptor],
    endpoints: observability.pages(manager),
  }).catch(async (error) => {
    await access.close();
    await manager.close();
    throw error;
  });
  const token = access.issueToken();
  const ca = tls && ownAuthority(tls.certificate);
  writeDaemonFile(home, { url: server.url, token, managerId, pid: process.pid, ...(ca && { ca }) });
  await membership.tell({ url: server.url });
  const nextStep = await access.nextStep();
  if (nextStep !== undefined) note(nextStep);
  return {
    url: server.url,
    drain() {
      removeDaemonFile(home, managerId);
      server.drain();
    },
    async close() {
      await server.close(GRACE_MS);
      await access.close();
    },
  };
}

/** Waits for work, but no longer; what it throws then, or before, is of no use to somebody who leaves. */
async function within(ms: number, work: Promise<void> = Promise.resolve()): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

/** Who calls, for the lines of calls. */
function caller(values: ContextValues): LogFields {
  const { address } = values.get(peerKey);
  return { peer: address || undefined, actor: values.get(callerKey)?.name };
}

function localExecutorsOf({ localExecutors, executors }: DaemonConfig): OpenOptions['localExecutors'] {
  if (localExecutors === undefined) return 'nothing';
  return executors.keepLocal ? 'always' : 'when-needed';
}

/** The bundled manager reads these from the environment; here the configuration has the last word. */
function withSettings(environment: NodeJS.ProcessEnv, config: DaemonConfig): NodeJS.ProcessEnv {
  const { files, localExecutors, executors, maxRunning, retention, hooks } = config;
  return {
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => !isForHooks(name, hooks))),
    WIZ_FILE_STORE: files,
    WIZ_SLOTS: localExecutors?.slots?.toString(),
    WIZ_EXECUTOR_GRACE: `${executors.graceSeconds}`,
    WIZ_MAX_RUNNING: maxRunning?.toString(),
    WIZ_KEEP_RUNS: `${retention.keepRuns}`,
    WIZ_KEEP_DAYS: `${retention.keepDays}`,
  };
}
