import { coalesced } from './coalesced.ts';
import { createExecutorCare } from './executor-care.ts';
import type { Manager } from './manager.ts';
import type { Retention } from './retention.ts';
import type { ManagerRow } from './store/store.ts';

/**
 * What a manager looks after, and when: all of it at each heartbeat, and at once what other managers may have changed.
 *
 * Whose runs are whose, and who is the centre: apart from each other and from all else, so that nothing that takes long
 * keeps the runs of a manager that died waiting.
 */
export interface Rounds {
  /** Looks after everything. */
  begin(): void;
  /** Begins nothing any more; resolves when what was begun is done. */
  close(): Promise<void>;
}

export interface RoundsOptions {
  kind: ManagerRow['kind'];
  roles: ManagerRow['roles'];
  /** Runs may wait for permits that others hold. */
  isLimited: boolean;
  retention: Retention | undefined;
}

export function createRounds(manager: Manager, options: RoundsOptions): Rounds {
  const { store, loop, fleet, membership, sharing, centre, commands, background, log } = manager;
  const { kind, roles, isLimited, retention } = options;
  const executorCare = createExecutorCare({
    ...{ kind, roles, loop, fleet },
    failed: noted('executors were not looked after'),
  });
  let closed = false;

  const share = round('runs were not shared', async () => {
    await sharing.look();
    // Permits of a manager that was removed came free.
    if (isLimited) void loop.settled();
  });
  const lead = round('the centre was not looked after', async () => {
    if (centre === undefined) return;
    await membership.look();
    await centre.look();
  });
  const care = round('runs were not looked after', async () => {
    if (kind === 'cli' && (await store.countOrphans(await membership.living())) > 0)
      await background.ensure();
    if (centre === undefined) await retention?.();
    await manager.hooks.care();
    await manager.schedules.care();
    await executorCare.look();
  });
  /** Other managers have given runs away, come or gone. */
  const woken = round('what other managers did was not looked at', async () => {
    if (kind === 'daemon') await sharing.claim();
    if (centre !== undefined && centre.term === undefined) await lead();
  });

  manager.watchers.onForeignCommit((change) => {
    if (change.kind !== 'runs') void commands.take();
    if (change.kind === 'any' || change.kind === 'ownership') {
      void woken();
      executorCare.soon();
    }
    if (isLimited) void loop.settled();
  });

  function round(otherwise: string, look: () => Promise<void>): () => Promise<void> {
    return coalesced(async () => {
      if (!closed) await look();
    }, noted(otherwise));
  }

  function noted(what: string): (error: Error) => void {
    return (error) => log.warn(what, { error });
  }

  return {
    begin() {
      for (const look of [share, lead, care]) void look();
    },
    async close() {
      closed = true;
      executorCare.close();
      await Promise.all([share(), lead(), care(), woken(), commands.close()]);
    },
  };
}
