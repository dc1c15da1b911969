import {
  type AttemptEnded,
  type AttemptStarted,
  type Event,
  type ProcessorEnded,
  type ProcessorExpanded,
  type ProcessorReused,
  ProcessorState,
  type RunEnded,
} from '../../proto/gen/wiz/v1/events_pb.js';
import { newInstances, type ProcessorNode, type Task, verdictOf } from '../graph/processor-node.ts';
import { contextOf } from './context.ts';
import { count } from './counts.ts';
import { leave, letStart, prepareFirst } from './readiness.ts';
import { countNeed, runResumed } from './resumed.ts';
import { findTask, type RunMachine } from './run.ts';

/** Applies one event of the journal. */
export function evolve(run: RunMachine, event: Event): void {
  run.seq = event.seq;
  const { case: kind, value } = event.event;
  switch (kind) {
    case 'attemptStarted':
      return attemptStarted(run, value, event.unixMs);
    case 'attemptEnded':
      return attemptEnded(run, value, event.unixMs);
    case 'processorEnded':
      return processorEnded(run, value, event.unixMs);
    case 'processorExpanded':
      return processorExpanded(run, value, event.unixMs);
    case 'processorReused':
      return processorReused(run, value, event.unixMs);
    case 'progressMade': {
      const task = taskOf(run, value.processor);
      task.progress = value.fraction;
      task.progressMessage = value.message;
      return;
    }
    case 'outputsKept':
      run.outputs = value;
      return;
    case 'runCancelRequested':
      run.cancelRequested = true;
      run.cancelMessage = value.message;
      // Nothing starts any more; what has instances ends with those that run.
      run.ready.clear();
      run.retrying.clear();
      run.due.clear();
      return;
    case 'runAdopted':
      run.managerId = value.managerId;
      run.epoch = value.epoch;
      return;
    case 'runResumed':
      return runResumed(run, value, event.unixMs);
    case 'runEnded':
      return runEnded(run, value, event.unixMs);
    case 'runCreated':
    case undefined:
      throw new Error(`Event ${event.seq} of run ${run.runId} does not belong here: ${kind}`);
  }
}

function taskOf(run: RunMachine, name: string): Task {
  const task = findTask(run, name);
  if (task === undefined) throw new Error(`Run ${run.runId} has no processor ${name}.`);
  return task;
}

function become(run: RunMachine, task: Task, state: ProcessorState, reason: string): void {
  const counts = task.index < 0 ? run : task.node.instances!;
  count(counts, task.state, -1);
  count(counts, state, 1);
  task.state = state;
  task.reason = reason;
}

function settle(run: RunMachine, task: Task): void {
  if (task.settled) return;
  task.settled = true;
  run.due.delete(task);
  run.ready.remove(task);
  run.retrying.delete(task);
  if (task.index < 0) run.open -= 1;
  else task.node.instances!.open -= 1;
}

function attemptStarted(run: RunMachine, started: AttemptStarted, unixMs: number): void {
  const task = taskOf(run, started.processor);
  // Taken from there already, unless this is the journal being read again.
  run.ready.remove(task);
  run.retrying.delete(task);
  run.due.delete(task);
  become(run, task, ProcessorState.RUNNING, '');
  run.inFlight += 1;
  run.executors.add(started.executorId);
  if (run.spec.affinity === 'run') run.pinned = started.executorId;
  task.message = '';
  task.retryAt = 0;
  task.progress = -1;
  task.progressMessage = '';
  task.attempt = started.attempt;
  task.cache = started.cache;
  task.attempts.push({
    attempt: started.attempt,
    executorId: started.executorId,
    epoch: started.epoch,
    readyMs: task.readyMs,
    assignedMs: unixMs,
    endedMs: 0,
    state: ProcessorState.RUNNING,
    reason: '',
    report: undefined,
    cache: started.cache,
    inputs: started.inputs.length > 0 ? started.inputs : undefined,
  });
}

function attemptEnded(run: RunMachine, ended: AttemptEnded, unixMs: number): void {
  const report = ended.report!;
  const task = taskOf(run, report.processor);
  const record = task.attempts[task.attempts.length - 1]!;
  const succeeded = ended.state === ProcessorState.SUCCEEDED;
  record.endedMs = unixMs;
  record.report = report;
  record.state = succeeded ? ProcessorState.SUCCEEDED : ProcessorState.FAILED;
  record.reason = report.reason;
  run.inFlight -= 1;
  run.doomed.delete(task);
  become(run, task, ended.state, ended.reason);
  task.message = report.message;
  if (!succeeded) {
    if (!isInfra(report.failureClass)) task.appFailures += 1;
    else if (!isPreempted(report.failureClass)) task.infraFailures += 1;
  }
  if (ended.state === ProcessorState.IDLE) {
    task.retryAt = ended.retryUnixMs;
    task.readyMs = ended.retryUnixMs;
    run.retrying.add(task);
    leave(run, task);
    return;
  }
  task.warning = ended.warning;
  task.output = report.output;
  task.files = report.files.length > 0 ? report.files : undefined;
  task.added = Object.keys(report.context).length > 0 ? report.context : undefined;
  settled(run, task, unixMs);
}

/** Failures that are not the program's: they do not use up its retries. */
export function isInfra(failureClass: number): boolean {
  // FailureClass INFRA and PREEMPTED.
  return failureClass === 2 || isPreempted(failureClass);
}

function isPreempted(failureClass: number): boolean {
  return failureClass === 3;
}

function processorEnded(run: RunMachine, ended: ProcessorEnded, unixMs: number): void {
  const task = taskOf(run, ended.processor);
  become(run, task, ended.state, ended.reason);
  task.message = ended.message;
  task.warning = ended.warning;
  if (ended.reason === 'skipped') run.skips += 1;
  // Of one that was not even let start; what depends on it inherits by way of it.
  if (task.index < 0 && ended.state === ProcessorState.IDLE) task.node.context = contextOf(run, task.node);
  if (task.index < 0 && task.node.instances !== undefined) instancesEnded(run, task.node);
  settled(run, task, unixMs);
}

function processorReused(run: RunMachine, reused: ProcessorReused, unixMs: number): void {
  const task = taskOf(run, reused.processor);
  become(run, task, ProcessorState.SUCCEEDED, 'cached');
  task.message = '';
  task.cache = reused.cache;
  task.output = reused.output;
  task.files = reused.files.length > 0 ? reused.files : undefined;
  task.added = Object.keys(reused.context).length > 0 ? reused.context : undefined;
  settled(run, task, unixMs);
}

/** Nothing more happens to it: whoever waited for that goes on. */
function settled(run: RunMachine, task: Task, unixMs: number): void {
  settle(run, task);
  task.prepared = undefined;
  if (task.index < 0) return letGo(run, task.node, unixMs);
  const { spec } = task.node;
  if (spec.failFast && task.state === ProcessorState.FAILED && !task.warning) stopInstances(run, task.node);
  leave(run, task);
}

function processorExpanded(
  run: RunMachine,
  { processor, count: wanted }: ProcessorExpanded,
  unixMs: number,
): void {
  const node = taskOf(run, processor).node;
  // A run that goes on keeps the instances that have succeeded, unless the list has changed.
  if (node.instances?.tasks.length !== wanted) node.instances = newInstances(node, wanted);
  for (const task of node.instances!.tasks) if (!task.settled) task.readyMs = unixMs;
  become(run, node, ProcessorState.RUNNING, '');
  node.message = '';
  // What they are to do is not in the journal: who reads it again has to find it out again.
  prepareFirst(run, node);
}

/** None of the instances that have not started will. */
function stopInstances(run: RunMachine, node: ProcessorNode): void {
  const instances = node.instances!;
  if (instances.stopped) return;
  instances.stopped = true;
  Object.assign(instances, { queue: [], head: 0 });
  for (const task of instances.tasks) {
    if (task.settled) continue;
    run.ready.remove(task);
    run.retrying.delete(task);
    run.due.delete(task);
    if (task.state === ProcessorState.RUNNING) run.doomed.add(task);
  }
}

/** The end of a processor is that of its instances: those left over are Idle for good. */
function instancesEnded(run: RunMachine, node: ProcessorNode): void {
  const instances = node.instances!;
  if (instances.open > 0) {
    for (const task of instances.tasks) {
      if (task.settled) continue;
      settle(run, task);
      task.reason = 'cancelled';
    }
  }
  Object.assign(instances, { queue: [], head: 0, admitted: 0, actionOf: undefined });
}

/** Tells what depends on a processor that it has ended. */
function letGo(run: RunMachine, node: ProcessorNode, unixMs: number): void {
  run.graph.forEachOutNeighbor(node.name, (_, dependent) => {
    countNeed(dependent, node);
    if (dependent.settled || run.cancelRequested || verdictOf(dependent) !== 'start') return;
    letStart(run, dependent, unixMs);
  });
}

function runEnded(run: RunMachine, ended: RunEnded, unixMs: number): void {
  run.state = ended.state;
  run.reason = ended.reason;
  run.message = ended.message;
  run.warnings = ended.warnings;
  run.endedMs = unixMs;
}
