import type { AttemptRef, RunAssignments, RunAttempts, RunEnd } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { RunMachine } from './run.ts';

export interface AttemptName {
  processor: string;
  attempt: number;
}

/** What goes to one executor after a commit. */
export interface Outgoing {
  assignments: RunAssignments[];
  cancels: RunAttempts[];
  acks: RunAttempts[];
  endedRuns: RunEnd[];
  superseded: RunAttempts[];
}

/**
 * What waits for the commit, by executor, and then is sent.
 *
 * For an executor whose session broke it waits on, until the executor has joined again: what is sent in between
 * could arrive after the executor has told what it knows, and would run though it counts as lost.
 */
export interface OutgoingBatches {
  assign(executorId: string, assignments: RunAssignments[]): void;
  cancel(executorId: string, run: RunMachine, attempt: AttemptName): void;
  acknowledge(executorId: string, runId: string, epoch: number, attempts: AttemptRef[]): void;
  endRun(executorId: string, run: RunMachine, keepStaging: boolean): void;
  /** The run goes on without these. */
  supersede(executorId: string, run: RunMachine, attempts: AttemptRef[]): void;
  /** Takes out what is to be sent now. */
  take(): Map<string, Outgoing>;
  /** Whether an assignment has not been sent yet. */
  holds(executorId: string, runId: string, attempt: AttemptName): boolean;
  /** Whether any assignment of the run has not been sent yet. */
  holdsRun(runId: string): boolean;
  /** Nothing about this run is sent, not even that a report is kept: it may be one that was not stored. */
  forgetRun(runId: string): void;
  forgetExecutor(executorId: string): void;

  suspend(executorId: string): void;
  isSuspended(executorId: string): boolean;
  /** How often the session broke since it was last resumed. */
  breaks(executorId: string): number;
  /** Unless it broke again since `breaks` was asked. */
  resume(executorId: string, breaks: number): void;
}

export function newOutgoingBatches(): OutgoingBatches {
  let batches = new Map<string, Outgoing>();
  const suspended = new Map<string, number>();

  function of(executorId: string): Outgoing {
    let batch = batches.get(executorId);
    if (batch === undefined) {
      batch = { assignments: [], cancels: [], acks: [], endedRuns: [], superseded: [] };
      batches.set(executorId, batch);
    }
    return batch;
  }

  const breaks = (executorId: string) => suspended.get(executorId) ?? 0;

  return {
    assign: (executorId, assignments) => void of(executorId).assignments.push(...assignments),
    cancel(executorId, { runId, epoch }, { processor, attempt }) {
      const attempts = [attemptRef(processor, attempt)];
      of(executorId).cancels.push({ $typeName: 'wiz.v1.RunAttempts', runId, epoch, attempts });
    },
    acknowledge: (executorId, runId, epoch, attempts) =>
      void of(executorId).acks.push({ $typeName: 'wiz.v1.RunAttempts', runId, epoch, attempts }),
    endRun: (executorId, { runId, epoch }, keepStaging) =>
      void of(executorId).endedRuns.push({ $typeName: 'wiz.v1.RunEnd', runId, epoch, keepStaging }),
    supersede: (executorId, { runId, epoch }, attempts) =>
      void of(executorId).superseded.push({ $typeName: 'wiz.v1.RunAttempts', runId, epoch, attempts }),
    take() {
      const taken = batches;
      batches = new Map();
      for (const executorId of suspended.keys()) {
        const batch = taken.get(executorId);
        if (batch === undefined) continue;
        batches.set(executorId, batch);
        taken.delete(executorId);
      }
      return taken;
    },
    holds(executorId, runId, { processor, attempt }) {
      const groups = batches.get(executorId)?.assignments ?? [];
      const named = (it: AttemptName) => it.processor === processor && it.attempt === attempt;
      return groups.some((group) => group.runId === runId && group.assignments.some(named));
    },
    holdsRun: (runId) =>
      [...batches.values()].some(({ assignments }) => assignments.some((group) => group.runId === runId)),
    forgetRun(runId) {
      const others = (group: { runId: string }) => group.runId !== runId;
      for (const batch of batches.values()) {
        batch.assignments = batch.assignments.filter(others);
        batch.cancels = batch.cancels.filter(others);
        batch.acks = batch.acks.filter(others);
        batch.endedRuns = batch.endedRuns.filter(others);
        batch.superseded = batch.superseded.filter(others);
      }
    },
    forgetExecutor(executorId) {
      batches.delete(executorId);
      suspended.delete(executorId);
    },
    suspend: (executorId) => void suspended.set(executorId, breaks(executorId) + 1),
    isSuspended: (executorId) => suspended.has(executorId),
    breaks,
    resume(executorId, since) {
      if (breaks(executorId) === since) suspended.delete(executorId);
    },
  };
}

export function attemptRef(processor: string, attempt: number): AttemptRef {
  return { $typeName: 'wiz.v1.AttemptRef', processor, attempt };
}
