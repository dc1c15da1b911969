import assert from 'node:assert/strict';
import { promoteRetries } from '../../manager/engine/readiness.ts';
import type { RunMachine } from '../../manager/engine/run.ts';
import type { ProcessorNode } from '../../manager/graph/processor-node.ts';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Durable } from './durable.ts';

/** A machine that is read from the journal again stands exactly where the one in memory does. */
export function sameAsRebuilt(run: RunMachine, durable: Durable): void {
  const rebuilt = durable.rebuild(run.runId);
  assert.deepStrictEqual(standingOf(rebuilt), standingOf(run), `${run.runId} rebuilt from its journal`);
  // And what may start is what the queues give.
  const startable = namesOf(rebuilt, isStartable);
  promoteRetries(rebuilt, Number.POSITIVE_INFINITY);
  const queued: string[] = [];
  for (const lane of ['program', 'call'] as const)
    for (let node = rebuilt.ready.take(lane); node !== undefined; node = rebuilt.ready.take(lane))
      queued.push(node.name);
  assert.deepStrictEqual(queued.sort(), startable.sort(), `${run.runId}: what a rebuilt run would start`);
}

const isStartable = (node: ProcessorNode) =>
  node.state === ProcessorState.IDLE && !node.settled && node.waiting === 0;

function namesOf(run: RunMachine, which: (node: ProcessorNode) => boolean): string[] {
  return run.graph.filterNodes((_, node) => which(node));
}

function standingOf(run: RunMachine) {
  const { graph, ready, retrying, due, uncommitted: _, managerId: __, ...plain } = run;
  const nodes: Record<string, object> = {};
  graph.forEachNode((name, node) => {
    const { spec, node: _, ...standing } = node;
    // Through JSON, because decoded messages have prototypes of their own.
    nodes[name] = JSON.parse(JSON.stringify({ ...standing, place: 0, needs: spec.needs }));
  });
  // A retry whose time has come is in one or the other, as the clock was looked at.
  return { ...JSON.parse(JSON.stringify(plain)), nodes, startable: ready.size() + retrying.size };
}
