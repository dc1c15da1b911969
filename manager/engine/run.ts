import {
  type AttemptEnded,
  type AttemptStarted,
  type Event,
  type ProcessorEnded,
  ProcessorState,
  type RunCreated,
  type RunEnded,
  type RunResumed,
  RunState,
} from '../../proto/gen/wiz/v1/events_pb.js';
import { type ProcessorNode, releasesDependents } from '../graph/processor-node.ts';
import { buildRunGraph, type RunGraph, rebuildRunGraph, withDownstream } from '../graph/run-graph.ts';
import type { JsonObject, PipelineSpec } from '../spec/spec.ts';
import { newReadyQueue, type ReadyQueue } from './ready-queue.ts';

/**
 * A run in memory: the fold of its journal. `evolve` is the only way it changes, so that a manager that reads
 * the journal again stands exactly where the one before it stood.
 *
 *   run        Running -> Succeeded | Failed, and Running again when it is resumed
 *   processor  Idle -> Running -> Succeeded | Failed
 *              Running -> Idle when it will be tried again
 *              Idle stays Idle, settled, when something before it failed or the run was cancelled
 *
 * A processor is *settled* when nothing more happens to it. The run ends when all are.
 */
export interface RunMachine {
  readonly runId: string;
  readonly pipeline: string;
  readonly version: number;
  readonly createdMs: number;
  readonly labels: Record<string, string>;
  readonly paramsJson: string;
  readonly params: JsonObject;
  readonly context: Record<string, string>;
  spec: PipelineSpec;
  graph: RunGraph;

  state: RunState;
  reason: string;
  message: string;
  endedMs: number;
  warnings: string[];
  cancelRequested: boolean;
  cancelMessage: string;
  /** Number of the last event. */
  seq: number;
  epoch: number;
  managerId: string | null;

  /** Processors by state, and those that are not settled. */
  idle: number;
  running: number;
  failed: number;
  succeeded: number;
  open: number;

  /** Ready to start. */
  readonly ready: ReadyQueue;
  /** Waiting for their next try. */
  retrying: Set<ProcessorNode>;
  /** Events that no commit holds yet. */
  uncommitted: Event[];
}

/** The machine of a run as its first event makes it. `parsed` is the event's spec, for whoever has it at hand:
 *  parsing that of 20,000 processors takes 40 ms. */
export function newRunMachine(
  event: Event,
  managerId: string | null,
  epoch: number,
  parsed?: PipelineSpec,
): RunMachine {
  if (event.event.case !== 'runCreated')
    throw new Error(`A journal starts with runCreated, not ${event.event.case}`);
  const created: RunCreated = event.event.value;
  const spec = parsed ?? (JSON.parse(created.specJson) as PipelineSpec);
  const run: RunMachine = {
    runId: created.runId,
    pipeline: created.pipeline,
    version: created.version,
    createdMs: event.unixMs,
    labels: created.labels,
    paramsJson: created.paramsJson,
    params: JSON.parse(created.paramsJson) as JsonObject,
    context: created.context,
    spec,
    graph: buildRunGraph(spec, created.context),
    state: RunState.RUNNING,
    reason: '',
    message: '',
    endedMs: 0,
    warnings: [],
    cancelRequested: false,
    cancelMessage: '',
    seq: event.seq,
    epoch,
    managerId,
    idle: spec.processors.length,
    running: 0,
    failed: 0,
    succeeded: 0,
    open: spec.processors.length,
    ready: newReadyQueue(),
    retrying: new Set(),
    uncommitted: [],
  };
  run.graph.forEachNode((_, node) => {
    if (node.waiting === 0) run.ready.push(node);
  });
  return run;
}

/** Applies one event of the journal. */
export function evolve(run: RunMachine, event: Event): void {
  run.seq = event.seq;
  const { case: kind, value } = event.event;
  switch (kind) {
    case 'attemptStarted':
      attemptStarted(run, value, event.unixMs);
      return;
    case 'attemptEnded':
      attemptEnded(run, value, event.unixMs);
      return;
    case 'processorEnded':
      processorEnded(run, value);
      return;
    case 'progressMade': {
      const node = run.graph.getNodeAttributes(value.processor);
      node.progress = value.fraction;
      node.progressMessage = value.message;
      return;
    }
    case 'runCancelRequested':
      run.cancelRequested = true;
      run.cancelMessage = value.message;
      return;
    case 'runAdopted':
      run.managerId = value.managerId;
      run.epoch = value.epoch;
      return;
    case 'runResumed':
      runResumed(run, value);
      return;
    case 'runEnded':
      runEnded(run, value, event.unixMs);
      return;
    case 'runCreated':
    case undefined:
      throw new Error(`Event ${event.seq} of run ${run.runId} does not belong here: ${kind}`);
  }
}

/** Puts processors whose wait is over among the ready ones. */
export function promoteRetries(run: RunMachine, nowMs: number): void {
  for (const node of run.retrying) {
    if (node.retryAt > nowMs) continue;
    run.retrying.delete(node);
    run.ready.push(node);
  }
}

/** When the next waiting processor may be tried again; Infinity when none waits. */
export function nextRetry(run: RunMachine): number {
  let next = Number.POSITIVE_INFINITY;
  for (const node of run.retrying) next = Math.min(next, node.retryAt);
  return next;
}

function count(run: RunMachine, state: ProcessorState, by: 1 | -1): void {
  if (state === ProcessorState.IDLE) run.idle += by;
  else if (state === ProcessorState.RUNNING) run.running += by;
  else if (state === ProcessorState.FAILED) run.failed += by;
  else run.succeeded += by;
}

function become(run: RunMachine, node: ProcessorNode, state: ProcessorState, reason: string): void {
  count(run, node.state, -1);
  count(run, state, 1);
  node.state = state;
  node.reason = reason;
}

function settle(run: RunMachine, node: ProcessorNode): void {
  if (node.settled) return;
  node.settled = true;
  run.open -= 1;
}

function attemptStarted(run: RunMachine, started: AttemptStarted, unixMs: number): void {
  const node = run.graph.getNodeAttributes(started.processor);
  // Taken from there already, unless this is the journal being read again.
  run.ready.remove(node);
  run.retrying.delete(node);
  become(run, node, ProcessorState.RUNNING, '');
  node.message = '';
  node.retryAt = 0;
  node.progress = -1;
  node.progressMessage = '';
  node.attempt = started.attempt;
  node.attempts.push({
    attempt: started.attempt,
    executorId: started.executorId,
    epoch: started.epoch,
    assignedMs: unixMs,
    endedMs: 0,
    state: ProcessorState.RUNNING,
    reason: '',
    report: undefined,
  });
}

function attemptEnded(run: RunMachine, ended: AttemptEnded, unixMs: number): void {
  const report = ended.report!;
  const node = run.graph.getNodeAttributes(report.processor);
  const record = node.attempts[node.attempts.length - 1]!;
  const succeeded = ended.state === ProcessorState.SUCCEEDED;
  record.endedMs = unixMs;
  record.report = report;
  record.state = succeeded ? ProcessorState.SUCCEEDED : ProcessorState.FAILED;
  record.reason = report.reason;
  become(run, node, ended.state, ended.reason);
  node.message = report.message;
  if (!succeeded) {
    if (isInfra(report.failureClass)) node.infraFailures += 1;
    else node.appFailures += 1;
  }
  if (ended.state === ProcessorState.IDLE) {
    node.retryAt = ended.retryUnixMs;
    run.retrying.add(node);
    return;
  }
  node.warning = ended.warning;
  node.output = report.output;
  node.added = Object.keys(report.context).length > 0 ? report.context : undefined;
  settle(run, node);
  if (releasesDependents(node)) release(run, node);
}

/** Failures that are not the program's: they do not use up its retries. */
export function isInfra(failureClass: number): boolean {
  // FailureClass INFRA and PREEMPTED.
  return failureClass === 2 || failureClass === 3;
}

function processorEnded(run: RunMachine, ended: ProcessorEnded): void {
  const node = run.graph.getNodeAttributes(ended.processor);
  become(run, node, ended.state, ended.reason);
  node.message = ended.message;
  run.ready.remove(node);
  run.retrying.delete(node);
  settle(run, node);
}

function release(run: RunMachine, node: ProcessorNode): void {
  run.graph.forEachOutNeighbor(node.name, (_, dependent) => {
    dependent.waiting -= 1;
    if (dependent.waiting > 0 || dependent.settled) return;
    dependent.context = inheritedContext(run, dependent);
    run.ready.push(dependent);
  });
}

/** What a processor inherits: of two needs that give the same key, the later in the file wins. */
function inheritedContext(run: RunMachine, node: ProcessorNode): Record<string, string> {
  const needs = node.spec.needs.map((name) => run.graph.getNodeAttributes(name));
  const changed = needs.filter((need) => need.added !== undefined || need.context !== run.context);
  if (changed.length === 0) return run.context;
  const first = changed[0]!;
  if (changed.every((need) => need.added === undefined && need.context === first.context))
    return first.context;
  changed.sort((a, b) => a.order - b.order);
  const context = { ...run.context };
  for (const need of changed) {
    // Only what differs from the run's own: a need that merely inherited a value must not undo a change.
    for (const [key, value] of Object.entries(need.context))
      if (run.context[key] !== value) context[key] = value;
    Object.assign(context, need.added);
  }
  return context;
}

function runResumed(run: RunMachine, resumed: RunResumed): void {
  run.ready.clear();
  run.retrying.clear();
  if (resumed.specJson !== '') {
    run.spec = JSON.parse(resumed.specJson) as PipelineSpec;
    run.graph = rebuildRunGraph(run.graph, run.spec, run.context);
  }
  const again = withDownstream(run.graph, resumed.processors);
  Object.assign(run, { state: RunState.RUNNING, reason: '', message: '', endedMs: 0, warnings: [] });
  Object.assign(run, {
    cancelRequested: false,
    cancelMessage: '',
    idle: 0,
    running: 0,
    failed: 0,
    succeeded: 0,
    open: 0,
  });
  run.graph.forEachNode((name, node) => {
    if (again.has(name) || !releasesDependents(node)) reset(node, run.context);
    count(run, node.state, 1);
    if (!node.settled) run.open += 1;
  });
  run.graph.forEachNode((name, node) => {
    node.waiting = 0;
    run.graph.forEachInNeighbor(name, (_, need) => {
      if (!releasesDependents(need)) node.waiting += 1;
    });
    if (node.settled || node.waiting > 0) return;
    node.context = inheritedContext(run, node);
    run.ready.push(node);
  });
}

function reset(node: ProcessorNode, context: Record<string, string>): void {
  node.state = ProcessorState.IDLE;
  node.reason = '';
  node.message = '';
  node.settled = false;
  node.warning = false;
  node.retryAt = 0;
  node.appFailures = 0;
  node.infraFailures = 0;
  node.output = undefined;
  node.added = undefined;
  node.context = context;
  node.progress = -1;
  node.progressMessage = '';
}

function runEnded(run: RunMachine, ended: RunEnded, unixMs: number): void {
  run.state = ended.state;
  run.reason = ended.reason;
  run.message = ended.message;
  run.warnings = ended.warnings;
  run.endedMs = unixMs;
}
