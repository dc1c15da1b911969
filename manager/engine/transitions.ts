import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import {
  isSkipped,
  type ProcessorNode,
  releasesDependents,
  type Task,
  verdictOf,
} from '../graph/processor-node.ts';
import type { RetrySpec } from '../spec/spec.ts';
import {
  attemptEnded,
  attemptStarted,
  emit,
  lostReport,
  outputsKept,
  processorEnded,
  processorExpanded,
  processorReused,
  progressMade,
  type Resumption,
  runCancelRequested,
  runEnded,
  runResumed,
} from './events.ts';
import { isInfra } from './evolve.ts';
import type { Conclusion, Prepared, Unready } from './preparation.ts';
import { makeReady, openInstances } from './readiness.ts';
import { findTask, forEachRunning, type RunMachine } from './run.ts';

/**
 * What may happen to a run, and which events that makes. Time and chance are handed in. Every function leaves
 * the run folded up to its last event; `uncommitted` holds what the journal does not have yet.
 */

/** Failures of the ground (a lost executor, a full store) that a processor survives. After that it is taken to be what
 *  kills its executors, and fails as poison; what was not lost fails as what it is. */
export const INFRA_LIMIT = 5;
/** Milliseconds before a processor starts again after it lost its executor, doubled each time, or was given back by it. */
const INFRA_WAIT_MS = 100;
/** Reason of an attempt whose executor is gone. */
const LOST = 'lost';

/** 0 <= x < 1 */
export type Chance = () => number;

/** Gives a ready task to an executor. */
export function startAttempt(
  run: RunMachine,
  task: Task,
  executorId: string,
  nowMs: number,
  inputs?: File[],
): void {
  const cache = task.prepared === undefined ? undefined : task.cache;
  emit(run, nowMs, attemptStarted(task.name, task.attempt + 1, executorId, run.epoch, cache, inputs));
}

/** An executor tells how an attempt ended. The task, or undefined when that is no longer its business: the report is
 *  refused, and changes nothing. */
export function attemptReported(
  run: RunMachine,
  report: Report,
  executorId: string,
  epoch: number,
  nowMs: number,
  chance: Chance,
): Task | undefined {
  if (run.state !== RunState.RUNNING) return undefined;
  const task = findTask(run, report.processor);
  const record = task?.attempts[task.attempts.length - 1];
  if (task?.state !== ProcessorState.RUNNING || record === undefined) return undefined;
  if (record.attempt !== report.attempt || record.epoch !== epoch || record.executorId !== executorId)
    return undefined;
  end(run, task, report, nowMs, chance);
  return task;
}

/** Running attempts that will never report: their executor is gone, or does not know them, or has given them back. */
export function attemptsLost(
  run: RunMachine,
  isLost: (task: Task, executorId: string) => boolean,
  message: string,
  nowMs: number,
  chance: Chance,
  preempted = false,
): void {
  const lost: Task[] = [];
  forEachRunning(run, (task) => {
    if (isLost(task, task.attempts[task.attempts.length - 1]!.executorId)) lost.push(task);
  });
  for (const task of lost) {
    end(run, task, lostReport(task.name, task.attempt, message, nowMs, preempted), nowMs, chance);
  }
}

export function progressReported(
  run: RunMachine,
  progress: { processor: string; attempt: number; fraction: number; message: string },
  nowMs: number,
): void {
  const task = findTask(run, progress.processor);
  if (task?.state !== ProcessorState.RUNNING || task.attempt !== progress.attempt) return;
  if (task.progress === progress.fraction && task.progressMessage === progress.message) return;
  emit(run, nowMs, progressMade(task.name, progress.attempt, progress.fraction, progress.message));
}

/** Asks a run to end. Returns the tasks whose attempts are to be cancelled where they run. */
export function cancelRun(run: RunMachine, message: string, nowMs: number): Task[] {
  if (run.state !== RunState.RUNNING) return [];
  if (!run.cancelRequested) emit(run, nowMs, runCancelRequested(message));
  const running: Task[] = [];
  forEachRunning(run, (task) => void running.push(task));
  run.graph.forEachNode((name, node) => {
    if (node.settled) return;
    if (node.instances !== undefined && node.state === ProcessorState.RUNNING) endInstances(run, node, nowMs);
    else if (node.state === ProcessorState.IDLE) {
      emit(run, nowMs, processorEnded(name, ProcessorState.IDLE, 'cancelled', ''));
    }
  });
  return running;
}

/** Goes on with a run that ended. The caller has checked the names. */
export function resumeRun(run: RunMachine, resumption: Resumption, nowMs: number): void {
  emit(run, nowMs, runResumed(resumption));
  // What was named may depend on something that was skipped, and stays so.
  run.graph.forEachNode((_, node) => {
    if (node.settled || verdictOf(node) !== 'skipped') return;
    const message = `${skippedNeed(run, node)} was skipped`;
    emit(run, nowMs, processorEnded(node.name, ProcessorState.IDLE, 'skipped', message));
    settleDependents(run, node, nowMs);
  });
}

/** Goes on with a task that was asked about. Ignored when it has ended meanwhile. */
export function applyPrepared(run: RunMachine, task: Task, prepared: Prepared, nowMs: number): void {
  if (task.preparation !== 'asked' || task.settled || run.state !== RunState.RUNNING) return;
  task.preparation = 'done';
  run.due.delete(task);
  if (run.cancelRequested) return;
  const { node } = task;
  switch (prepared.kind) {
    case 'start':
      task.prepared = prepared.action;
      task.cache = prepared.cache;
      makeReady(run, task);
      return;
    case 'expand':
      // A manager that took the run over finds what the journal has already.
      if (node.state !== ProcessorState.RUNNING || node.instances?.tasks.length !== prepared.count) {
        if (node.state === ProcessorState.RUNNING) return changedList(run, node, prepared.count, nowMs);
        emit(run, nowMs, processorExpanded(node.name, prepared.count));
        node.preparation = 'done';
        run.due.delete(node);
      }
      node.instances!.actionOf = prepared.actionOf;
      openInstances(run, node);
      endInstances(run, node, nowMs);
      return;
    case 'skip':
      emit(run, nowMs, processorEnded(task.name, ProcessorState.IDLE, 'skipped', prepared.message));
      break;
    case 'reuse':
      emit(run, nowMs, processorReused(task.name, prepared));
      break;
    case 'fail':
      failUnstarted(run, task, prepared, nowMs);
      return;
  }
  goOn(run, task, nowMs);
}

/** A task fails before it could start. */
export function failUnstarted(
  run: RunMachine,
  task: Task,
  { reason, message }: Unready,
  nowMs: number,
): void {
  const warning = task.node.spec.onFailure === 'warn';
  emit(run, nowMs, processorEnded(task.name, ProcessorState.FAILED, reason, message, warning));
  goOn(run, task, nowMs);
}

/** Cannot be, as lists follow from what the journal has; a store that lost files is one way all the same. */
function changedList(run: RunMachine, node: ProcessorNode, count: number, nowMs: number): void {
  const message = `its list had ${node.instances!.tasks.length} items and now has ${count}`;
  emit(run, nowMs, processorEnded(node.name, ProcessorState.FAILED, 'list-changed', message));
  settleDependents(run, node, nowMs);
}

/** Ends the run when nothing more can happen in it. False when what it leaves has to be found out first. */
export function settleRun(run: RunMachine, nowMs: number, conclusion?: Conclusion): boolean {
  if (run.state !== RunState.RUNNING || run.open > 0) return true;
  const failed: ProcessorNode[] = [];
  const warnings: string[] = [];
  let cancelled = false;
  run.graph.forEachNode((_, node) => {
    if (node.reason === 'cancelled') cancelled = true;
    if (node.state !== ProcessorState.FAILED) return;
    if (node.warning) warnings.push(`${node.name}: ${node.message || node.reason}`);
    else failed.push(node);
  });
  warnings.push(...run.conflicts.values());
  const end = (state: RunState, reason: string, message: string) =>
    emit(run, nowMs, runEnded(state, reason, message, warnings));
  if (run.cancelRequested && (cancelled || failed.length > 0)) {
    end(RunState.FAILED, 'cancelled', run.cancelMessage);
  } else if (failed.length > 0) {
    const first = failed[0]!;
    const others = failed.length > 1 ? ` (and ${failed.length - 1} more failed)` : '';
    end(RunState.FAILED, 'processor-failed', `${first.name}: ${first.message || first.reason}${others}`);
  } else if (run.spec.outputs !== null && conclusion === undefined) {
    return false;
  } else if (conclusion?.kind === 'fail') {
    end(RunState.FAILED, conclusion.reason, conclusion.message);
  } else {
    if (conclusion !== undefined) emit(run, nowMs, outputsKept(conclusion.files, conclusion.records));
    end(RunState.SUCCEEDED, '', '');
  }
  return true;
}

function end(run: RunMachine, task: Task, report: Report, nowMs: number, chance: Chance): void {
  const ended = (state: ProcessorState, reason: string, retryMs = 0, warning = false, final = report) =>
    emit(run, nowMs, attemptEnded(final, state, reason, retryMs, warning));
  if (report.outcome === Outcome.SUCCEEDED) {
    ended(ProcessorState.SUCCEEDED, report.reason);
    return goOn(run, task, nowMs);
  }
  if (run.cancelRequested || run.doomed.has(task)) {
    ended(ProcessorState.FAILED, 'cancelled');
    return goOn(run, task, nowMs);
  }
  const wait = retryWait(task, report, chance);
  if (wait !== undefined) {
    ended(ProcessorState.IDLE, 'retry-backoff', nowMs + wait);
    return;
  }
  const warning = task.node.spec.onFailure === 'warn';
  if (isInfra(report.failureClass) && report.reason === LOST) {
    const poison = { ...report, failureClass: FailureClass.POISON };
    ended(ProcessorState.FAILED, 'poison', 0, warning, poison);
  } else {
    ended(ProcessorState.FAILED, report.reason, 0, warning);
  }
  goOn(run, task, nowMs);
}

/** What follows from the end of a task: that of its processor, or of what depends on it. */
function goOn(run: RunMachine, task: Task, nowMs: number): void {
  if (task.index >= 0) endInstances(run, task.node, nowMs);
  else settleDependents(run, task.node, nowMs);
}

/** Ends a processor when its instances have ended, or no more of them start. */
function endInstances(run: RunMachine, node: ProcessorNode, nowMs: number): void {
  const instances = node.instances!;
  const over = run.cancelRequested || instances.stopped;
  if (node.settled || (instances.open > 0 && !(over && instances.running === 0))) return;
  const failed = instances.failed === 0 ? [] : instances.tasks.filter(isFailure);
  const bad = failed.filter((task) => !task.warning);
  const finish = (state: ProcessorState, reason: string, message: string, warning = false) =>
    emit(run, nowMs, processorEnded(node.name, state, reason, message, warning));
  if (run.cancelRequested && (instances.open > 0 || bad.length > 0)) {
    finish(ProcessorState.FAILED, 'cancelled', '');
  } else if (bad.length > 0) {
    // Those that failFast ended are not the cause.
    const first = bad.find(({ reason }) => reason !== 'cancelled') ?? bad[0]!;
    const others = bad.length > 1 ? ` (and ${bad.length - 1} more of ${instances.tasks.length})` : '';
    const message = `${first.name} failed: ${first.message || first.reason}${others}`;
    finish(ProcessorState.FAILED, 'instances-failed', message);
  } else if (failed.length > 0) {
    const first = failed[0]!;
    const message = `${failed.length} of ${instances.tasks.length} failed; ${first.name}: ${first.message || first.reason}`;
    finish(ProcessorState.FAILED, 'instances-failed', message, true);
  } else {
    finish(ProcessorState.SUCCEEDED, allCached(instances.tasks) ? 'cached' : '', '');
  }
  settleDependents(run, node, nowMs);
}

function isFailure(task: Task): boolean {
  return task.state === ProcessorState.FAILED;
}

function allCached(tasks: Task[]): boolean {
  return tasks.length > 0 && tasks.every(({ reason }) => reason === 'cached');
}

/** Ends what can never start, now that a processor has ended. */
function settleDependents(run: RunMachine, ended: ProcessorNode, nowMs: number): void {
  // A need that succeeds ends nothing, unless another one was skipped before it.
  if ((releasesDependents(ended) && run.skips === 0) || run.cancelRequested) return;
  // Each is told of the one that it all began with.
  const causes = new Map([[ended.name, releasesDependents(ended) ? '' : ended.name]]);
  for (const [name, cause] of causes) {
    run.graph.forEachOutNeighbor(name, (_, dependent) => {
      if (dependent.settled) return;
      const verdict = verdictOf(dependent);
      if (verdict === 'wait' || verdict === 'start') return;
      const message =
        verdict === 'skipped' ? `${cause || skippedNeed(run, dependent)} was skipped` : `${cause} failed`;
      emit(run, nowMs, processorEnded(dependent.name, ProcessorState.IDLE, verdict, message));
      causes.set(dependent.name, cause);
    });
  }
}

function skippedNeed(run: RunMachine, node: ProcessorNode): string {
  return node.spec.needs.find((need) => isSkipped(run.graph.getNodeAttributes(need))) ?? 'what it needs';
}

/** Milliseconds until the next try; undefined when there is none. */
function retryWait(task: Task, report: Report, chance: Chance): number | undefined {
  // An executor that had to end says nothing about the task, however often that happens.
  if (report.failureClass === FailureClass.PREEMPTED) return INFRA_WAIT_MS;
  if (isInfra(report.failureClass)) {
    if (task.infraFailures >= INFRA_LIMIT) return undefined;
    return INFRA_WAIT_MS * 2 ** task.infraFailures;
  }
  const { retries } = task.node.spec;
  if (task.appFailures >= retries.limit) return undefined;
  return backoff(retries, task.appFailures, chance);
}

/** Exponential backoff with jitter: the wait is drawn from the last `jitter` share of the full wait, so that it
 *  is never longer than `maxMs` and many that failed together do not come back together. */
export function backoff(retries: RetrySpec, failures: number, chance: Chance): number {
  const full = Math.min(retries.maxMs, retries.initialMs * retries.factor ** failures);
  return Math.round(full * (1 - retries.jitter * chance()));
}
