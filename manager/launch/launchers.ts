import { WizError } from '../../proto/error.ts';
import { machineId } from '../../proto/machine-id.ts';
import type { Log } from '../observe/log.ts';
import type { ExecutorRow } from '../store/store.ts';
import { createElsewhere, type ElsewhereOptions } from './elsewhere.ts';
import type { Launcher } from './launcher.ts';
import { catalogueKey, meetRegistered, type RegistryStore } from './registered.ts';

/**
 * All that a manager may use at once: executors that it starts on its own machine, and those that are registered. Each is
 * looked after by what it is.
 */
export interface LaunchersOptions extends ElsewhereOptions {
  store: RegistryStore & ElsewhereOptions['store'];
  /** Looks after all local executors. */
  local: Launcher;
  /** Whether this manager starts any itself, and keeps one. */
  starts: Launcher['starts'];
  /** Of the store, at the start. */
  rows: ExecutorRow[];
  log: Log;
}

export function createLaunchers(options: LaunchersOptions): Launcher {
  const { store, local, starts, log } = options;
  const elsewhere = createElsewhere(options);
  let registered: ExecutorRow[] = [];

  function present(rows: ExecutorRow[]): ExecutorRow[] {
    registered = rows.filter(({ launcher }) => launcher === 'registered');
    return registered;
  }
  present(options.rows);

  /** Those that are registered do what there is also without one of this machine. */
  async function ensureLocal(): Promise<ExecutorRow[]> {
    if (starts === 'nothing') return [];
    return local.ensure().catch((error) => {
      if (registered.length === 0) throw error;
      log.warn('no local executor could be had', { error });
      return [];
    });
  }

  return {
    starts,
    get isLocal() {
      return registered.every(({ machine }) => machine === machineId());
    },
    async ensure() {
      const started = await ensureLocal();
      if (started.length + registered.length > 0) return [...registered, ...started];
      throw new WizError(
        'unavailable',
        'There is no executor: this manager starts none, and none is registered. Add one with wiz executors add ADDRESS.',
      );
    },
    present,
    meet: async (row) => (row.launcher === 'registered' ? meetRegistered(store, row) : row),
    inspect: (row) => (row.launcher === 'local' ? local : elsewhere).inspect(row),
    stop: (executors, force) => local.stop(executors, force),
    async catalogue() {
      const own = JSON.parse(await local.catalogue()) as { name: string }[];
      const others = await Promise.all(
        registered.map(({ executorId }) => store.getCatalogue(catalogueKey(executorId))),
      );
      const byName = new Map(own.map((processor) => [processor.name, processor]));
      for (const json of others) {
        for (const processor of JSON.parse(json ?? '[]') as { name: string }[]) {
          if (!byName.has(processor.name)) byName.set(processor.name, processor);
        }
      }
      return JSON.stringify([...byName.values()]);
    },
    async close() {
      elsewhere.close();
      await local.close();
    },
  };
}
