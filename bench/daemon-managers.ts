/** Managers of one store, each a process of its own from the built wiz; for bench/daemon.ts. */
import { join } from 'node:path';
import { type Daemon, type DaemonApi, startDaemon } from '../test/daemon.ts';
import { newPlace } from '../test/e2e/place.ts';
import { startPostgres } from '../test/postgres.ts';
import { store as storeKind } from './rounds.ts';

export interface Managers {
  readonly apis: DaemonApi[];
  readonly urls: string[];
  readonly pids: number[];
  /** One more; the milliseconds from its start until it serves. */
  start(): Promise<number>;
  /** Stores a pipeline file. */
  apply(yaml: string): Promise<void>;
  close(): Promise<void>;
}

/** An empty store. With `--store sqlite` it is in the folder, else in a PostgreSQL that syncs every commit. */
export async function openManagers(folder: string): Promise<Managers> {
  const postgres = storeKind === 'postgres' ? await startPostgres([]) : undefined;
  const store = (await postgres?.newDatabase()) ?? `sqlite:${join(folder, 'wiz.db')}`;
  const place = newPlace();
  const daemons: Daemon[] = [];
  const managers: Managers = {
    apis: [],
    urls: [],
    pids: [],
    async start() {
      const started = performance.now();
      const daemon = await startDaemon(place, { args: ['--store', store] });
      const took = performance.now() - started;
      daemons.push(daemon);
      managers.apis.push(daemon.api);
      managers.urls.push(daemon.url);
      managers.pids.push(daemon.pid);
      return took;
    },
    async apply(yaml) {
      const file = { path: 'bench.yaml', content: Buffer.from(yaml), baseDir: place.folder };
      await managers.apis[0]!.pipelines.applyPipelines({ files: [file] });
    },
    async close() {
      for (const daemon of daemons) await daemon.stop();
      await place.leave().finally(() => postgres?.remove());
    },
  };
  // Makes the tables: what is measured is a start on a store that has them.
  const first = await startDaemon(place, { args: ['--store', store] });
  await first.stop();
  return managers;
}
