import type { ContextValues } from '@connectrpc/connect';
import { createAccess } from './access/access.ts';
import { removeDaemonFile, writeDaemonFile } from './access/daemon-file.ts';
import { checkExposure } from './access/exposure.ts';
import { peerKey } from './api/http/peer.ts';
import { serveHttp } from './api/http/server.ts';
import { routes } from './api/routes.ts';
import type { DaemonConfig } from './config/config.ts';
import { openManager } from './open-manager.ts';

/** A manager as a service, until it is told to end. */
export interface RunningDaemon {
  readonly managerId: string;
  /** http(s)://host:port */
  readonly url: string;
  /** Takes no more calls, gives its runs back to the store, and leaves. */
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
  const manager = await openManager({
    kind: 'daemon',
    home: config.home,
    store: config.store,
    environment: withSettings(environment, config),
    needsExecutor: false,
    wizEntry,
  });
  const { managerId, store } = manager;
  const note = (message: string) => console.error(`wiz: ${message}`);
  const peerOf = (values: ContextValues) => values.get(peerKey).address;
  const access = createAccess({ store, managerId, auth: config.auth, peerOf, note });
  const server = await serveHttp({
    ...config.listen,
    tls: config.tls,
    behindProxy: config.behindProxy,
    routes: routes(manager, access),
    gate: access.gate,
    interceptors: [access.interceptor],
    admit: access.admit,
    note,
  });
  const token = access.issueToken(`daemon.${managerId}`);
  writeDaemonFile(config.home, { url: server.url, token, managerId, pid: process.pid });
  return {
    managerId,
    url: server.url,
    async close() {
      removeDaemonFile(config.home, managerId);
      await server.close();
      await access.close();
      await manager.close();
    },
  };
}

/** The bundled manager reads these from the environment; here the configuration has the last word. */
function withSettings(environment: NodeJS.ProcessEnv, config: DaemonConfig): NodeJS.ProcessEnv {
  const { files, localExecutors, maxRunning, retention } = config;
  return {
    ...environment,
    WIZ_FILE_STORE: files,
    WIZ_SLOTS: localExecutors?.slots?.toString(),
    WIZ_MAX_RUNNING: maxRunning?.toString(),
    WIZ_KEEP_RUNS: `${retention.keepRuns}`,
    WIZ_KEEP_DAYS: `${retention.keepDays}`,
  };
}
