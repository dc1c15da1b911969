import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ProcessorNode } from '../graph/processor-node.ts';
import { withDownstream } from '../graph/run-graph.ts';
import type { RetrySpec } from '../spec/spec.ts';
import {
  attemptEnded,
  attemptStarted,
  emit,
  lostReport,
  processorEnded,
  progressMade,
  runCancelRequested,
  runEnded,
  runResumed,
} from './events.ts';
import { isInfra, type RunMachine } from './run.ts';

/**
 * What may happen to a run, and which events that makes. Time and chance are handed in. Every function leaves
 * the run folded up to its last event; `uncommitted` holds what the journal does not have yet.
 */

/** Failures of the ground (a lost executor) that a processor survives. After that it is taken to be what kills
 *  them, and fails as poison. */
export const INFRA_LIMIT = 5;
/** Milliseconds before a processor starts again after it lost its executor; doubled each time. */
const INFRA_WAIT_MS = 100;

/** 0 <= x < 1 */
export type Chance = () => number;

/** Gives a ready processor to an executor. */
export function startAttempt(run: RunMachine, node: ProcessorNode, executorId: string, nowMs: number): void {
  emit(run, nowMs, attemptStarted(node.name, node.attempt + 1, executorId, run.epoch));
}

/** An executor tells how an attempt ended. False when that is no longer its business: the report is refused,
 *  and changes nothing. */
export function attemptReported(
  run: RunMachine,
  report: Report,
  executorId: string,
  epoch: number,
  nowMs: number,
  chance: Chance,
): boolean {
  if (run.state !== RunState.RUNNING || !run.graph.hasNode(report.processor)) return false;
  const node = run.graph.getNodeAttributes(report.processor);
  const record = node.attempts[node.attempts.length - 1];
  if (node.state !== ProcessorState.RUNNING || record === undefined) return false;
  if (record.attempt !== report.attempt || record.epoch !== epoch || record.executorId !== executorId)
    return false;
  end(run, node, report, nowMs, chance);
  return true;
}

/** Running attempts that will never report: their executor is gone, or does not know them. */
export function attemptsLost(
  run: RunMachine,
  isLost: (node: ProcessorNode, executorId: string) => boolean,
  message: string,
  nowMs: number,
  chance: Chance,
): void {
  if (run.running === 0) return;
  const lost = run.graph.filterNodes((_, node) => {
    if (node.state !== ProcessorState.RUNNING) return false;
    return isLost(node, node.attempts[node.attempts.length - 1]!.executorId);
  });
  for (const name of lost) {
    const node = run.graph.getNodeAttributes(name);
    end(run, node, lostReport(name, node.attempt, message, nowMs), nowMs, chance);
  }
}

export function progressReported(
  run: RunMachine,
  progress: { processor: string; attempt: number; fraction: number; message: string },
  nowMs: number,
): void {
  if (!run.graph.hasNode(progress.processor)) return;
  const node = run.graph.getNodeAttributes(progress.processor);
  if (node.state !== ProcessorState.RUNNING || node.attempt !== progress.attempt) return;
  if (node.progress === progress.fraction && node.progressMessage === progress.message) return;
  emit(run, nowMs, progressMade(progress.processor, progress.attempt, progress.fraction, progress.message));
}

/** Asks a run to end. Returns the processors whose attempts are to be cancelled where they run. */
export function cancelRun(run: RunMachine, message: string, nowMs: number): ProcessorNode[] {
  if (run.state !== RunState.RUNNING) return [];
  if (!run.cancelRequested) emit(run, nowMs, runCancelRequested(message));
  const running: ProcessorNode[] = [];
  run.graph.forEachNode((name, node) => {
    if (node.state === ProcessorState.RUNNING) running.push(node);
    else if (!node.settled) emit(run, nowMs, processorEnded(name, ProcessorState.IDLE, 'cancelled', ''));
  });
  return running;
}

/** Goes on with a run that ended. The caller has checked the names. */
export function resumeRun(run: RunMachine, processors: string[], specJson: string, nowMs: number): void {
  emit(run, nowMs, runResumed(processors, specJson));
}

/** Ends the run when nothing more can happen in it. */
export function settleRun(run: RunMachine, nowMs: number): void {
  if (run.state !== RunState.RUNNING || run.open > 0) return;
  const failed: ProcessorNode[] = [];
  const warnings: string[] = [];
  let cancelled = false;
  run.graph.forEachNode((_, node) => {
    if (node.reason === 'cancelled') cancelled = true;
    if (node.state !== ProcessorState.FAILED) return;
    if (node.warning) warnings.push(`${node.name}: ${node.message || node.reason}`);
    else failed.push(node);
  });
  const end = (state: RunState, reason: string, message: string) =>
    emit(run, nowMs, runEnded(state, reason, message, warnings));
  if (run.cancelRequested && (cancelled || failed.length > 0)) {
    end(RunState.FAILED, 'cancelled', run.cancelMessage);
  } else if (failed.length === 0) {
    end(RunState.SUCCEEDED, '', '');
  } else {
    const first = failed[0]!;
    const others = failed.length > 1 ? ` (and ${failed.length - 1} more failed)` : '';
    end(RunState.FAILED, 'processor-failed', `${first.name}: ${first.message || first.reason}${others}`);
  }
}

function end(run: RunMachine, node: ProcessorNode, report: Report, nowMs: number, chance: Chance): void {
  const ended = (state: ProcessorState, reason: string, retryMs = 0, warning = false, final = report) =>
    emit(run, nowMs, attemptEnded(final, state, reason, retryMs, warning));
  if (report.outcome === Outcome.SUCCEEDED) {
    ended(ProcessorState.SUCCEEDED, report.reason);
    return;
  }
  if (run.cancelRequested) {
    ended(ProcessorState.FAILED, 'cancelled');
    return;
  }
  const wait = retryWait(node, report, chance);
  if (wait !== undefined) {
    ended(ProcessorState.IDLE, 'retry-backoff', nowMs + wait);
    return;
  }
  const warning = node.spec.onFailure === 'warn';
  if (isInfra(report.failureClass)) {
    const poison = { ...report, failureClass: FailureClass.POISON };
    ended(ProcessorState.FAILED, 'poison', 0, warning, poison);
  } else {
    ended(ProcessorState.FAILED, report.reason, 0, warning);
  }
  if (!warning) blockDownstream(run, node, nowMs);
}

function blockDownstream(run: RunMachine, node: ProcessorNode, nowMs: number): void {
  for (const name of withDownstream(run.graph, [node.name])) {
    const dependent = run.graph.getNodeAttributes(name);
    if (dependent.settled) continue;
    const message = `${node.name} failed`;
    emit(run, nowMs, processorEnded(name, ProcessorState.IDLE, 'upstream-failed', message));
  }
}

/** Milliseconds until the next try; undefined when there is none. */
function retryWait(node: ProcessorNode, report: Report, chance: Chance): number | undefined {
  if (isInfra(report.failureClass)) {
    if (node.infraFailures >= INFRA_LIMIT) return undefined;
    return INFRA_WAIT_MS * 2 ** node.infraFailures;
  }
  if (node.appFailures >= node.spec.retries.limit) return undefined;
  return backoff(node.spec.retries, node.appFailures, chance);
}

/** Exponential backoff with jitter: the wait is drawn from the last `jitter` share of the full wait, so that it
 *  is never longer than `maxMs` and many that failed together do not come back together. */
export function backoff(retries: RetrySpec, failures: number, chance: Chance): number {
  const full = Math.min(retries.maxMs, retries.initialMs * retries.factor ** failures);
  return Math.round(full * (1 - retries.jitter * chance()));
}
