import { writeManifest } from './api/manifest.ts';
import type { RunMachine } from './engine/run.ts';
import { clearStagingOfRun } from './left-staging.ts';
import type { Log } from './observe/log.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** What is still done for runs that have ended. Nothing depends on it: it may fail. */
export interface Aftermath {
  ended(run: RunMachine): void;
  /** Resolves when it is done for all of them. */
  done(): Promise<void>;
}

export function createAftermath(options: {
  kind: ManagerRow['kind'];
  home: string;
  store: Store;
  isHere(executorId: string): boolean;
  log: Log;
}): Aftermath {
  const { kind, home, log } = options;
  const underWay = new Set<Promise<void>>();

  function see(otherwise: string, { runId }: RunMachine, work: Promise<void>): void {
    const done = work
      .catch((error) => log.warn(otherwise, { run: runId, error }))
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  return {
    ended(run) {
      // Who asks a daemon for it has it from the journal, from any manager. Of small runs it costs a tenth of all that is
      // done for them, where nobody may look at it.
      if (kind !== 'daemon') see('its manifest was not written', run, writeManifest(home, run));
      see('a staging folder was left', run, clearStagingOfRun(options, run, options.isHere));
    },
    async done() {
      await Promise.all(underWay);
    },
  };
}
