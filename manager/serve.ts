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
  const manager = await openManager({
    kind: 'daemon',
    home: config.home,
    store: config.store,
    environment: withSettings(environment, config),
    needsExecutor: false,
    wizEntry,
  });
  const server = await serveHttp({
    ...config.listen,
    tls: config.tls,
    behindProxy: config.behindProxy,
    routes: routes(manager),
  });
  return {
    managerId: manager.managerId,
    url: server.url,
    async close() {
      await server.close();
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
