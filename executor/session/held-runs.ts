import { create } from '@bufbuild/protobuf';
import {
  AttemptRefSchema,
  type RunAttempts,
  RunAttemptsSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { type HeldRun, unfinished } from './held-attempt.ts';
import { type Owner, WHOLE_RUN } from './owner.ts';

/**
 * The runs of which something is here, or whose epoch is remembered. A run is
 *   owned       by the session that presented its highest epoch
 *   unclaimed   by nobody: its session closed. What is here of it, attempts or a staging folder, is told to every session;
 *               after the orphan time it is left
 *   a fence     nothing is here of it; it stays for its epoch, as long as there are not too many
 */
export interface HeldRuns {
  get(runId: string): HeldRun | undefined;
  values(): Iterable<HeldRun>;
  /** The run, now at this epoch and with this owner; undefined when the epoch is older than the one held. */
  claim(runId: string, epoch: number, owner: Owner): HeldRun | undefined;
  /** The session closed. */
  disown(owner: Owner): void;
  /** Attempts of a run that are here: they go on, or their report is kept. */
  known(runId: string): RunAttempts[];
  /** What is here of runs that nobody owns. */
  unclaimed(): RunAttempts[];
  /** Runs that nobody has owned for this time. */
  left(ms: number): HeldRun[];
  /** Its last attempt is gone. */
  emptied(run: HeldRun): void;
}

/** Runs without attempts that are remembered for their epoch alone: about 200 bytes each. */
const FENCES_KEPT = 10_000;
/** Unclaimed runs that one message tells about; the others follow when these are settled. */
const UNCLAIMED_TOLD = 500;

/** `held`: attempts that are here, of all runs. */
export function createHeldRuns(held: () => number): HeldRuns {
  const runs = new Map<string, HeldRun>();

  function setOwner(run: HeldRun, owner: Owner | undefined): void {
    if (run.owner === owner) return;
    run.owner = owner;
    run.unclaimedSince = performance.now();
    for (const attempt of run.attempts.values()) {
      attempt.spool?.rewind();
      if (owner !== undefined && (attempt.spool || attempt.progress || attempt.report)) owner.wake(attempt);
    }
  }

  // The run that was touched last is at the end of the map.
  function forgetOldFences(): void {
    if (runs.size <= FENCES_KEPT + held()) return;
    for (const [runId, run] of runs) {
      if (run.attempts.size > 0 || run.staged) continue;
      runs.delete(runId);
      if (runs.size <= FENCES_KEPT) return;
    }
  }

  return {
    get: (runId) => runs.get(runId),
    values: () => runs.values(),
    claim(runId, epoch, owner) {
      const run = runs.get(runId);
      if (run === undefined) {
        const made: HeldRun = {
          runId,
          epoch,
          owner,
          unclaimedSince: 0,
          staged: false,
          ended: undefined,
          attempts: new Map(),
        };
        runs.set(runId, made);
        forgetOldFences();
        return made;
      }
      if (epoch < run.epoch) return undefined;
      if (epoch > run.epoch && run.owner !== owner) {
        run.owner?.refuse({ runId, epoch: run.epoch }, WHOLE_RUN, 'stale-epoch', epoch);
      }
      const newer = epoch > run.epoch || run.owner === undefined || owner.serial > run.owner.serial;
      run.epoch = epoch;
      if (newer) setOwner(run, owner);
      return run;
    },
    disown(owner) {
      for (const run of runs.values()) if (run.owner === owner) setOwner(run, undefined);
    },
    known: (runId) => attemptsOf(runs.get(runId)),
    unclaimed() {
      const told: RunAttempts[] = [];
      for (const run of runs.values()) {
        if (run.owner !== undefined || (run.attempts.size === 0 && !run.staged)) continue;
        const attempts = attemptsOf(run);
        told.push(
          ...(attempts.length > 0
            ? attempts
            : [create(RunAttemptsSchema, { runId: run.runId, epoch: run.epoch })]),
        );
        if (told.length >= UNCLAIMED_TOLD) break;
      }
      return told;
    },
    left(ms) {
      const until = performance.now() - ms;
      return [...runs.values()].filter(
        ({ owner, unclaimedSince, staged, attempts }) =>
          owner === undefined && unclaimedSince <= until && (staged || attempts.size > 0),
      );
    },
    emptied(run) {
      runs.delete(run.runId);
      runs.set(run.runId, run);
    },
  };
}

/** By the epoch they were assigned under. */
function attemptsOf(run: HeldRun | undefined): RunAttempts[] {
  const byEpoch = new Map<number, RunAttempts>();
  for (const { epoch, processor, attempt, superseded } of run?.attempts.values() ?? []) {
    if (superseded) continue;
    const group = byEpoch.get(epoch) ?? create(RunAttemptsSchema, { runId: run!.runId, epoch });
    group.attempts.push(create(AttemptRefSchema, { processor, attempt }));
    byEpoch.set(epoch, group);
  }
  return [...byEpoch.values()];
}

/** Whether the run has ended and nothing of it is under way any more. */
export function isOver(run: HeldRun): boolean {
  return run.ended !== undefined && !unfinished(run);
}
