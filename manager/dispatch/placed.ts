import type { AttemptRef, RunAttempts } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptName } from '../engine/outgoing.ts';
import { forEachRunning, type RunMachine } from '../engine/run.ts';

/** What runs have on executors. */

interface Lease {
  runId: string;
  epoch: number;
}

/** Executors on which a run has attempts that have not ended. */
export function executorsOf(run: RunMachine): Set<string> {
  const executors = new Set<string>();
  forEachRunning(run, ({ attempts }) => executors.add(attempts[attempts.length - 1]!.executorId));
  return executors;
}

/** Runs that have attempts on an executor, and under which epoch. */
export function leasesOn(runs: Iterable<RunMachine>, executorId: string): { runId: string; epoch: number }[] {
  const leases = [];
  for (const run of runs) {
    if (executorsOf(run).has(executorId)) leases.push({ runId: run.runId, epoch: run.epoch });
  }
  return leases;
}

/** Attempts of these runs that are on an executor. */
export function attemptsOn(runs: Iterable<RunMachine>, executorId: string): RunAttempts[] {
  const groups: RunAttempts[] = [];
  for (const run of runs) {
    const attempts: AttemptRef[] = [];
    forEachRunning(run, ({ name: processor, attempts: tries }) => {
      const { attempt, executorId: where } = tries[tries.length - 1]!;
      if (where === executorId) attempts.push({ $typeName: 'wiz.v1.AttemptRef', processor, attempt });
    });
    const { runId, epoch } = run;
    if (attempts.length > 0) groups.push({ $typeName: 'wiz.v1.RunAttempts', runId, epoch, attempts });
  }
  return groups;
}

/**
 * Whether an executor that was asked about these runs has an attempt. A run that was taken over since, or again with a newer
 * epoch, was not asked about: nothing is known of it, and whoever took it over asks anew.
 */
export function whatIsThere(
  asked: Lease[],
  known: RunAttempts[],
  epochNow: (runId: string) => number | undefined,
): (runId: string, attempt: AttemptName) => boolean {
  const epochs = new Map(asked.map(({ runId, epoch }) => [runId, epoch]));
  const there = new Set<string>();
  for (const { runId, attempts } of known) {
    for (const { processor, attempt } of attempts) there.add(`${runId} ${processor} ${attempt}`);
  }
  return (runId, { processor, attempt }) =>
    epochs.get(runId) !== epochNow(runId) || there.has(`${runId} ${processor} ${attempt}`);
}
