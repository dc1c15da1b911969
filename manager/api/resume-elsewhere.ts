import { WizError } from '../../proto/error.ts';
import { emit, type Resumption, runAdopted } from '../engine/events.ts';
import type { RunMachine } from '../engine/run.ts';
import { resumeRun } from '../engine/transitions.ts';
import { readRun, rowOf } from '../journal.ts';
import type { Manager } from '../manager.ts';

/**
 * Lets a run that has ended go on under whoever it belongs to: it is claimed for as long as it takes to journal that it goes
 * on, and then is nobody's. Undefined when somebody living has it. Throws WizError aborted when somebody took it meanwhile.
 */
export function resumeElsewhere(
  manager: Manager,
  runId: string,
  resumed: Resumption,
): Promise<RunMachine | undefined> {
  return manager.sharing.holding(runId, () => claimAndResume(manager, runId, resumed));
}

async function claimAndResume(
  { store, managerId, membership }: Manager,
  runId: string,
  resumed: Resumption,
): Promise<RunMachine | undefined> {
  const claimed = await store.claimRun(runId, managerId, await membership.living());
  if (claimed === undefined) return undefined;
  try {
    const run = await readRun(store, runId, { managerId, epoch: claimed.epoch });
    const nowMs = Date.now();
    emit(run, nowMs, runAdopted(managerId, claimed.epoch));
    resumeRun(run, resumed, nowMs);
    const commit = { row: rowOf(run), events: run.uncommitted };
    const { fenced } = await store.commit([commit], { acquire: [], release: [], max: {} });
    if (fenced.length > 0) {
      throw new WizError('aborted', `Another manager took run ${runId} while it was to go on. Try again.`);
    }
    return run;
  } finally {
    await store.releaseRuns(managerId, [runId]);
  }
}
