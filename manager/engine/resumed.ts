import { type RunResumed, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import {
  isSkipped,
  lastAttempt,
  type ProcessorNode,
  releasesDependents,
  resetTask,
  verdictOf,
} from '../graph/processor-node.ts';
import { rebuildRunGraph, withDownstream } from '../graph/run-graph.ts';
import { parseSpec } from '../spec/complete.ts';
import { count } from './counts.ts';
import { letStart } from './readiness.ts';
import type { RunMachine } from './run.ts';

/** A run that ended goes on: what is to be done again, and what never came to its turn, is Idle as at the beginning. */
export function runResumed(run: RunMachine, resumed: RunResumed, unixMs: number): void {
  run.ready.clear();
  for (const tasks of [run.retrying, run.due, run.doomed, run.conflicts]) tasks.clear();
  if (resumed.specJson !== '') {
    run.spec = parseSpec(resumed.specJson);
    run.graph = rebuildRunGraph(run.graph, run.spec, run.context);
  }
  const again = withDownstream(run.graph, resumed.processors);
  const whole = withDownstream(run.graph, resumed.from);
  Object.assign(run, { state: RunState.RUNNING, reason: '', message: '', endedMs: 0, warnings: [] });
  Object.assign(run, { trace: resumed.trace, begunSeq: run.seq, begunMs: unixMs });
  Object.assign(run, { cancelRequested: false, cancelMessage: '', outputs: undefined, concluding: false });
  Object.assign(run, { idle: 0, running: 0, failed: 0, succeeded: 0, open: 0, inFlight: 0, pinned: '' });
  run.graph.forEachNode((name, node) => {
    if (again.has(name) || !isOver(node)) {
      const changed = whole.has(name) || run.graph.someInNeighbor(name, (need) => again.has(need));
      resetNode(run, node, !changed);
      node.again = resumed.from.includes(name);
    }
    count(run, node.state, 1);
    if (!node.settled) run.open += 1;
  });
  run.graph.forEachNode((name, node) => {
    Object.assign(node, {
      waiting: node.spec.needs.length,
      needsSucceeded: 0,
      needsFailed: 0,
      needsSkipped: 0,
    });
    run.graph.forEachInNeighbor(name, (_, need) => {
      if (need.settled) countNeed(node, need);
    });
    if (!node.settled && verdictOf(node) === 'start') letStart(run, node, unixMs);
  });
}

/** It has nothing to do in a run that goes on. */
export function isOver(node: ProcessorNode): boolean {
  return releasesDependents(node) || isSkipped(node);
}

/** With `keep`, instances that succeeded stay as they are. */
function resetNode(run: RunMachine, node: ProcessorNode, keep: boolean): void {
  resetTask(node);
  node.context = run.context;
  const { instances } = node;
  if (instances === undefined) return;
  if (!keep) {
    node.attempt = lastAttempt(node);
    node.instances = undefined;
    return;
  }
  Object.assign(instances, { idle: 0, running: 0, failed: 0, succeeded: 0, open: 0, stopped: false });
  Object.assign(instances, { queue: [], head: 0, admitted: 0, actionOf: undefined });
  for (const task of instances.tasks) {
    if (!releasesDependents(task) || task.warning) resetTask(task);
    count(instances, task.state, 1);
    if (!task.settled) instances.open += 1;
  }
}

/** A need of `dependent` has ended. */
export function countNeed(dependent: ProcessorNode, need: ProcessorNode): void {
  dependent.waiting -= 1;
  if (releasesDependents(need)) dependent.needsSucceeded += 1;
  else if (isSkipped(need)) dependent.needsSkipped += 1;
  else dependent.needsFailed += 1;
}
