import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { contextOf } from './context.ts';
import { needsPreparation } from './preparation.ts';
import type { RunMachine } from './run.ts';

/**
 * What may start, and whether something has to be found out first. Part of the fold, but for `openInstances`: what
 * instances are to do is not in the journal.
 */

/** The needs of a processor have let it go. */
export function letStart(run: RunMachine, node: ProcessorNode, unixMs: number): void {
  node.context = contextOf(run, node);
  node.readyMs = unixMs;
  makeReady(run, node);
}

/** Puts processors whose wait is over among those that may start. */
export function promoteRetries(run: RunMachine, nowMs: number): void {
  for (const task of run.retrying) {
    if (task.retryAt > nowMs) continue;
    run.retrying.delete(task);
    makeReady(run, task);
  }
}

/** When the next waiting processor may be tried again; Infinity when none waits. */
export function nextRetry(run: RunMachine): number {
  let next = Number.POSITIVE_INFINITY;
  for (const task of run.retrying) next = Math.min(next, task.retryAt);
  return next;
}

/** What may start goes among the ready ones, or first among those to be prepared. */
export function makeReady(run: RunMachine, task: Task): void {
  const { instances } = task.node;
  if (task.index >= 0) {
    // Opened with the others when what they are to do is known, by `openInstances`.
    if (instances?.actionOf === undefined || instances.stopped) return;
    if (task.node.spec.cache !== null && task.prepared === undefined) return prepareFirst(run, task);
    instances.queue.push(task);
    admit(run, task.node);
    return;
  }
  if (task.preparation !== 'done' && needsPreparation(run, task.node)) prepareFirst(run, task);
  else run.ready.push(task);
}

export function prepareFirst(run: RunMachine, task: Task): void {
  task.preparation = 'due';
  run.due.add(task);
}

/** Lets the instances that have not ended go on; `actionOf` is set. */
export function openInstances(run: RunMachine, node: ProcessorNode): void {
  const instances = node.instances!;
  Object.assign(instances, { queue: [], head: 0, admitted: instances.running });
  for (const task of instances.tasks) {
    task.admitted = task.state === ProcessorState.RUNNING;
    if (task.settled || task.state !== ProcessorState.IDLE || run.retrying.has(task)) continue;
    makeReady(run, task);
  }
}

/** As many instances as `width` allows go among the ready ones. */
export function admit(run: RunMachine, node: ProcessorNode): void {
  const instances = node.instances!;
  const width = node.spec.width ?? Number.POSITIVE_INFINITY;
  while (instances.head < instances.queue.length && instances.admitted < width) {
    const task = instances.queue[instances.head++]!;
    if (task.settled) continue;
    instances.admitted += 1;
    task.admitted = true;
    run.ready.push(task);
  }
  if (instances.head === instances.queue.length) Object.assign(instances, { queue: [], head: 0 });
}

/** An instance gives up its place: another one may take it. */
export function leave(run: RunMachine, task: Task): void {
  const { instances } = task.node;
  if (!task.admitted || instances === undefined) return;
  task.admitted = false;
  instances.admitted -= 1;
  admit(run, task.node);
}
