import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { createLocalGuard } from '../../access/local-guard.ts';
import type { Manager } from '../../manager.ts';
import { openManager } from '../../open-manager.ts';
import { routes } from '../routes.ts';
import { clientSockets } from './client-sockets.fixture.ts';
import { type HttpServer, type ServeHttpOptions, serveHttp } from './server.ts';

/** A real manager on SQLite, whose executor runs real programs. */
export interface TestManager {
  /** Where the test may write. */
  folder: string;
  manager: Manager;
  /** Serves it on a free port; the server ends with the manager. */
  serve(options?: Partial<ServeHttpOptions>): Promise<HttpServer>;
  close(): Promise<void>;
}

export async function openTestManager(): Promise<TestManager> {
  // Short, because sockets of executors live below it.
  const folder = mkdtempSync(join(tmpdir(), 'h-'));
  const servers: HttpServer[] = [];
  const destroyClients = clientSockets();
  const manager = await openManager({
    kind: 'daemon',
    home: join(folder, 'home'),
    environment: { ...process.env, WIZ_SLOTS: '4' },
    needsExecutor: false,
    wizEntry: [process.execPath, '-e', ''],
  });
  // Whoever calls is the user of this machine.
  const guard = createLocalGuard({ ...manager, note: () => {} });
  return {
    folder,
    manager,
    async serve(options = {}) {
      const server = await serveHttp({
        host: '127.0.0.1',
        port: 0,
        routes: routes(manager),
        gate: guard.gate,
        interceptors: [guard.interceptor],
        ...options,
      });
      servers.push(server);
      return server;
    },
    async close() {
      await Promise.all(servers.map((server) => server.close(0)));
      const executors = await manager.store.listExecutors();
      await guard.close();
      await manager.launcher.stop(executors, true);
      await manager.close();
      destroyClients();
      rmSync(folder, { recursive: true });
    },
  };
}

/** One for all tests of a `describe`, and a server of it: both are empty until its tests run. */
export function servedManager(): { daemon: TestManager; server: HttpServer } {
  const [daemon, server] = [{} as TestManager, {} as HttpServer];
  before(async () => {
    Object.assign(daemon, await openTestManager());
    Object.assign(server, await daemon.serve());
  });
  after(() => daemon.close());
  return { daemon, server };
}
