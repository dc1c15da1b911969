import type { Commands } from './commands.ts';
import type { Fleet } from './dispatch/fleet.ts';
import type { GlobalLimit } from './dispatch/global-limit.ts';
import type { Loop } from './engine/loop.ts';
import type { RunMachine } from './engine/run.ts';
import { readRun } from './journal.ts';
import type { Log } from './observe/log.ts';
import type { Store } from './store/store.ts';

/** Goes on with runs that this manager owns now, and that others have begun. */
export interface Adoption {
  /** One run, as its journal tells it; with its attempts nothing is done. */
  takeUp(runId: string, epoch: number): Promise<RunMachine>;
  /** Runs that were claimed, and what goes on of them on executors. */
  adopt(claimed: { runId: string; epoch: number }[]): Promise<void>;
  /** Resolves when no executor is being reached any more, which may not be before the fleet is closed. */
  done(): Promise<void>;
}

export function createAdoption(options: {
  managerId: string;
  store: Store;
  loop: Loop;
  fleet(): Fleet;
  commands: Commands;
  limit: GlobalLimit | null;
  log: Log;
}): Adoption {
  const { managerId, store, loop, commands, limit, log } = options;
  /** Connections to executors. */
  const reaching = new Set<Promise<void>>();

  async function takeUp(runId: string, epoch: number): Promise<RunMachine> {
    const run = await readRun(store, runId, { managerId, epoch });
    await limit?.repair(run);
    loop.add(run, { adopted: true });
    return run;
  }

  return {
    takeUp,
    async adopt(claimed) {
      if (claimed.length === 0) return;
      for (const { runId, epoch } of claimed) log.info('run adopted', { run: runId, epoch });
      const taken = await Promise.allSettled(claimed.map(({ runId, epoch }) => takeUp(runId, epoch)));
      const runs = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      for (const one of taken) {
        // It is ours and not here: that is set right at one of the next heartbeats.
        if (one.status === 'rejected') log.warn('a run was not taken over', { error: one.reason });
      }
      await loop.settled();
      await commands.take();
      // An executor that does not answer must not keep other runs waiting.
      const done = options
        .fleet()
        .adopt(runs)
        .catch((error) => log.warn('an executor was not reached', { error }))
        .finally(() => reaching.delete(done));
      reaching.add(done);
    },
    async done() {
      await Promise.all(reaching);
    },
  };
}
