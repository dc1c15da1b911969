import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  type Assignment,
  FailureClass,
  type Report,
  type RunAssignments,
  type RunAttempts,
  type RunEnd,
  type RunLease,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptRequest, AttemptSink, RunningAttempt } from '../program/attempt.ts';
import { type HeldAttempt, type HeldRun, neverStarted } from './held-attempt.ts';
import { createHeldRuns, isOver } from './held-runs.ts';
import type { SpoolFactory } from './log-spool.ts';
import { type Owner, type Ref, WHOLE_RUN } from './owner.ts';
import { OwnerSink } from './owner-sink.ts';
import { createSlots } from './slots.ts';

/**
 * What this executor has to do and has done, whoever asked for it; it outlives every session.
 *
 * A **run** is held with the highest epoch that anybody presented for it and belongs to the session that did.
 * Anything that carries an older epoch is refused. Presenting the same epoch again (the same manager, after its
 * stream broke) moves the run to the newer of the two sessions, never back; what the older one still brings is
 * ignored. Who loses a run to a newer epoch is told. When its session closes, a run belongs to nobody until the
 * next hello that names it.
 *
 * An **attempt** is waiting (for a slot), running, ended (its report is kept until it is acknowledged), or
 * gone. An assignment of an attempt that is here starts nothing: if it has ended, its report is sent again. One that is
 * superseded, because its run has given it up and tries again elsewhere, is ended and gone without a report.
 */
export interface Workload {
  /** False when the epoch is older than the one held. */
  adopt(lease: RunLease, owner: Owner): boolean;
  assign(assignments: RunAssignments, owner: Owner): void;
  cancel(attempts: RunAttempts, owner: Owner): void;
  /** The run goes on without these attempts, whoever owns it. Ignored when it carries an older epoch. */
  supersede(attempts: RunAttempts): void;
  /** Reports that are durable: their attempts are gone. */
  acknowledge(attempts: RunAttempts): void;
  /** The run is over: once nothing of it runs here any more, its staging folder goes or is kept. */
  endRun(end: RunEnd, owner: Owner): void;
  find(runId: string, ref: Ref): HeldAttempt | undefined;
  /** Attempts of a run that are here: they go on, or their report is kept. */
  known(runId: string): RunAttempts[];
  /** The session closed. */
  disown(owner: Owner): void;
  epochOf(runId: string): number;
  /** What attempts left whose reports are kept. */
  heldFiles(): File[];
  /** What is here of runs that no session owns. */
  unclaimed(): RunAttempts[];
  /** Ends what is here of runs that nobody has owned for this time. */
  leaveUnclaimed(ms: number): void;
  /** Takes nothing new from here on, and hands back what waits for a slot: somebody else starts it sooner. */
  drain(): void;
  /** Takes work again, unless it was stopped. */
  undrain(): void;
  /** Ends what waits and runs; the reports say `reason` and are not the program's fault. */
  stopAll(reason: string): void;
  /** Enough waits for a slot that nobody is in a hurry for news. */
  readonly busy: boolean;
  readonly counts: { readonly unfinished: number; readonly held: number; readonly waiting: number };
}

export interface WorkloadOptions {
  /** Programs at once. */
  slots: number;
  /** Bundled processors that only wait, at once; 4,096 by default: they take memory and sockets, no processor. */
  waiting?: number;
  spools: SpoolFactory;
  /** Starts a native program or a script. */
  startProgram(request: AttemptRequest, sink: AttemptSink): RunningAttempt;
  calls: {
    /** A processor that is done at once answers with its report. */
    start(request: AttemptRequest, sink: AttemptSink): RunningAttempt | Report;
    takesSlot(uses: string): boolean;
  };
  runEnded(runId: string, keepStaging: boolean): void;
  /** Something was taken or let go. */
  changed(): void;
}

const DEFAULT_WAITING = 4096;

export function createWorkload(options: WorkloadOptions): Workload {
  const runs = createHeldRuns(() => counts.held);
  const { claim } = runs;
  const slots = createSlots<HeldAttempt>(options.slots, start);
  const waits = createSlots<HeldAttempt>(options.waiting ?? DEFAULT_WAITING, start);
  const counts = {
    unfinished: 0,
    held: 0,
    get waiting() {
      return slots.waiting + waits.waiting;
    },
  };
  let draining = false;
  let stopReason: string | undefined;

  function take(run: HeldRun, assignments: RunAssignments, assignment: Assignment): void {
    const { processor, attempt: number, action } = assignment;
    const attempt: HeldAttempt = {
      run,
      processor,
      attempt: number,
      epoch: assignments.epoch,
      phase: 'waiting',
      slots: undefined,
      request: {
        runId: run.runId,
        epoch: assignments.epoch,
        pipeline: assignments.pipeline,
        environment: assignments.environment,
        assignment,
        trace: assignments.trace,
      },
      running: undefined,
      spool: undefined,
      progress: undefined,
      report: undefined,
      superseded: false,
    };
    run.attempts.set(keyOf(assignment), attempt);
    run.ended = undefined; // it was taken up again
    run.staged = true;
    counts.held++;
    counts.unfinished++;
    attempt.slots = action.case === 'call' && !options.calls.takesSlot(action.value.uses) ? waits : slots;
    attempt.slots.enter(attempt);
  }

  function start(attempt: HeldAttempt): void {
    const request = attempt.request!;
    const sink = new OwnerSink(attempt, options.spools);
    attempt.phase = 'running';
    const started =
      request.assignment.action.case === 'call'
        ? options.calls.start(request, sink)
        : options.startProgram(request, sink);
    if (!('done' in started)) {
      end(attempt, started);
      return;
    }
    attempt.running = started;
    started.done.then((report) => end(attempt, report));
  }

  function end(attempt: HeldAttempt, report: Report): void {
    if (attempt.phase === 'running') attempt.slots!.leave();
    if (stopReason !== undefined && report.reason === stopReason) {
      report.failureClass = FailureClass.PREEMPTED;
    }
    attempt.phase = 'ended';
    attempt.report = report;
    attempt.running = undefined;
    attempt.request = undefined;
    counts.unfinished--;
    if (attempt.superseded) drop(attempt);
    else attempt.run.owner?.wake(attempt);
    leaveRun(attempt.run);
    options.changed();
  }

  function leaveRun(run: HeldRun): void {
    if (!isOver(run)) return;
    const { keepStaging } = run.ended!;
    run.ended = undefined;
    run.staged = false;
    options.runEnded(run.runId, keepStaging);
  }

  function cancelOne(attempt: HeldAttempt, reason: string, message: string): void {
    if (attempt.phase === 'running') {
      attempt.running?.cancel(reason);
    } else if (attempt.phase === 'waiting') {
      attempt.slots!.withdraw(attempt);
      end(attempt, neverStarted(attempt, reason, message));
    }
  }

  function drop(attempt: HeldAttempt): void {
    attempt.phase = 'gone';
    attempt.spool?.dispose();
    attempt.run.attempts.delete(keyOf(attempt));
    counts.held--;
    if (attempt.run.attempts.size === 0) runs.emptied(attempt.run);
  }

  function supersedeOne(attempt: HeldAttempt): void {
    if (attempt.superseded) return;
    attempt.superseded = true;
    // A program that waits for room for its log must not wait for somebody to read it.
    attempt.spool?.dispose();
    if (attempt.phase === 'ended') drop(attempt);
    else cancelOne(attempt, 'superseded', '');
  }

  function handBack(attempt: HeldAttempt): void {
    if (attempt.phase !== 'waiting') return;
    attempt.slots!.withdraw(attempt);
    const message = 'The executor drains and handed it back before it began.';
    end(attempt, neverStarted(attempt, 'drained', message, FailureClass.PREEMPTED));
  }

  return {
    get busy() {
      return slots.waiting >= options.slots / 2;
    },
    counts,
    adopt: (lease, owner) => claim(lease.runId, lease.epoch, owner) !== undefined,
    assign(assignments, owner) {
      const run = claim(assignments.runId, assignments.epoch, owner);
      for (const assignment of assignments.assignments) {
        const there = run?.attempts.get(keyOf(assignment));
        if (run === undefined) {
          owner.refuse(assignments, assignment, 'stale-epoch', runs.get(assignments.runId)!.epoch);
        } else if (run.owner !== owner) {
          // The manager has said hello anew and was told that this is not here: it counts as lost.
        } else if (there !== undefined) {
          there.epoch = assignments.epoch;
          if (there.phase === 'ended') run.owner?.wake(there);
          else owner.refuse(assignments, assignment, 'duplicate', run.epoch);
        } else if (draining) {
          owner.refuse(assignments, assignment, 'draining', run.epoch);
        } else {
          take(run, assignments, assignment);
        }
      }
      options.changed();
    },
    cancel({ runId, epoch, attempts }, owner) {
      const run = runs.get(runId);
      for (const ref of attempts) {
        const attempt = run?.attempts.get(keyOf(ref));
        if (attempt === undefined) continue;
        if (epoch < run!.epoch) owner.refuse({ runId, epoch }, ref, 'stale-epoch', run!.epoch);
        else cancelOne(attempt, 'cancelled', 'It was cancelled while it waited for a slot.');
      }
    },
    supersede({ runId, epoch, attempts }) {
      const run = runs.get(runId);
      if (run === undefined || epoch < run.epoch) return;
      run.epoch = epoch;
      for (const ref of attempts) {
        const attempt = run.attempts.get(keyOf(ref));
        if (attempt !== undefined) supersedeOne(attempt);
      }
      options.changed();
    },
    acknowledge({ runId, epoch, attempts }) {
      const run = runs.get(runId);
      // What a manager that lost the run acknowledges, the present one will be told again.
      if (run === undefined || epoch < run.epoch) return;
      for (const ref of attempts) {
        const attempt = run.attempts.get(keyOf(ref));
        if (attempt?.phase === 'ended') drop(attempt);
      }
      options.changed();
    },
    endRun({ runId, epoch, keepStaging }, owner) {
      const run = runs.get(runId);
      if (run === undefined) return options.runEnded(runId, keepStaging); // of a life before this one
      if (epoch < run.epoch) return owner.refuse({ runId, epoch }, WHOLE_RUN, 'stale-epoch', run.epoch);
      run.ended = { keepStaging };
      leaveRun(run);
    },
    find: (runId, ref) => runs.get(runId)?.attempts.get(keyOf(ref)),
    known: runs.known,
    unclaimed: runs.unclaimed,
    leaveUnclaimed(ms) {
      for (const run of runs.left(ms)) {
        for (const attempt of run.attempts.values()) supersedeOne(attempt);
        run.ended = { keepStaging: false };
        leaveRun(run);
      }
      options.changed();
    },
    disown: runs.disown,
    epochOf: (runId) => runs.get(runId)?.epoch ?? 0,
    heldFiles() {
      const held: File[] = [];
      for (const { attempts } of runs.values()) {
        for (const { report } of attempts.values()) {
          if (report === undefined) continue;
          held.push(...report.files);
          if (report.output?.value.case === 'file') held.push(report.output.value.value);
        }
      }
      return held;
    },
    drain() {
      draining = true;
      for (const run of runs.values()) for (const attempt of run.attempts.values()) handBack(attempt);
    },
    undrain() {
      draining = stopReason !== undefined;
    },
    stopAll(reason) {
      draining = true;
      stopReason = reason;
      for (const run of runs.values()) {
        for (const attempt of run.attempts.values()) {
          cancelOne(attempt, reason, 'The executor was stopped before it began.');
        }
      }
    },
  };
}

// Names of processors have no line breaks.
function keyOf(ref: Ref): string {
  return `${ref.processor}\n${ref.attempt}`;
}
