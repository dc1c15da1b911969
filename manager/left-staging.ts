import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { removeFolder } from './api/remove-folder.ts';
import type { RunMachine } from './engine/run.ts';
import { keepsStaging } from './engine/staging.ts';
import { stagingFolder } from './home.ts';
import { readRun } from './journal.ts';
import type { Store } from './store/store.ts';

/**
 * Staging folders that executors on this machine left because they died. A living one removes its own when it is told
 * that the run has ended; for a dead one whoever comes last does it: the manager that ends the run, or, when the run had
 * ended, the one that finds the executor dead. Those of runs that failed stay, as `staging` says.
 */

/** Of a run that has ended. */
export async function keepsStagingOf(store: Store, runId: string): Promise<boolean> {
  const { spec, state } = await readRun(store, runId);
  return keepsStaging(spec, state);
}

/** When a run has ended. `isHere`: the executor is connected, and was told. */
export async function clearStagingOfRun(
  { home, store }: { home: string; store: Store },
  run: RunMachine,
  isHere: (executorId: string) => boolean,
): Promise<void> {
  if (keepsStaging(run.spec, run.state)) return;
  const gone = [...run.executors].filter((executorId) => !isHere(executorId));
  if (gone.length === 0) return;
  const known = new Set((await store.listExecutors()).map(({ executorId }) => executorId));
  for (const executorId of gone) if (!known.has(executorId)) await remove(home, run.runId, executorId);
}

/** When an executor was found dead. */
export async function clearStagingOfExecutor(
  { home, store }: { home: string; store: Store },
  executorId: string,
): Promise<void> {
  for (const runId of await readdir(stagingFolder(home)).catch(() => [])) {
    const executors = await readdir(join(stagingFolder(home), runId)).catch(() => []);
    if (!executors.some((name) => belongsTo(name, executorId))) continue;
    const row = await store.getRun(runId);
    // Of one that failed and says `staging: never` the manager that ended it has cleared.
    if (row === undefined || row.state !== RunState.SUCCEEDED) continue;
    const { spec } = await readRun(store, runId);
    if (!keepsStaging(spec, row.state)) await remove(home, runId, executorId);
  }
}

/** Its folder, or one that it was about to remove. */
function belongsTo(name: string, executorId: string): boolean {
  return name === executorId || name.startsWith(`.${executorId}-`);
}

async function remove(home: string, runId: string, executorId: string): Promise<void> {
  const run = join(stagingFolder(home), runId);
  for (const name of await readdir(run).catch(() => [])) {
    if (belongsTo(name, executorId)) await removeFolder(join(run, name));
  }
  // Other executors may have theirs in it.
  await rmdir(run).catch(() => {});
}
