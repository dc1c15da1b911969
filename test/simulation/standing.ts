import assert from 'node:assert/strict';
import { needsPreparation } from '../../manager/engine/preparation.ts';
import { promoteRetries } from '../../manager/engine/readiness.ts';
import type { RunMachine } from '../../manager/engine/run.ts';
import { type ProcessorNode, type Task, verdictOf } from '../../manager/graph/processor-node.ts';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Durable } from './durable.ts';

/** A machine that is read from the journal again stands exactly where the one in memory does. */
export function sameAsRebuilt(run: RunMachine, durable: Durable): void {
  const rebuilt = durable.rebuild(run.runId);
  assert.deepStrictEqual(standingOf(rebuilt), standingOf(run), `${run.runId} rebuilt from its journal`);
  // And what may start is what the queues give.
  const startable = namesOf(rebuilt);
  promoteRetries(rebuilt, Number.POSITIVE_INFINITY);
  const queued: string[] = [];
  for (const lane of ['program', 'call'] as const)
    for (let node = rebuilt.ready.take(lane); node !== undefined; node = rebuilt.ready.take(lane))
      queued.push(node.name);
  assert.deepStrictEqual(queued.sort(), startable.sort(), `${run.runId}: what a rebuilt run would start`);
}

/** What has to be prepared first is among the due ones of a rebuilt run. */
const isStartable = (run: RunMachine, node: ProcessorNode) =>
  node.state === ProcessorState.IDLE &&
  !node.settled &&
  verdictOf(node) === 'start' &&
  !needsPreparation(run, node);

function namesOf(run: RunMachine): string[] {
  return run.graph.filterNodes((_, node) => isStartable(run, node));
}

function standingOf(run: RunMachine) {
  const { graph, ready, retrying, due, doomed, uncommitted: _, managerId: __, ...plain } = run;
  const nodes: Record<string, object> = {};
  graph.forEachNode((name, node) => {
    const { spec, instances, ...standing } = node;
    const rows = instances && {
      ...pick(instances, ['idle', 'running', 'failed', 'succeeded', 'open', 'stopped']),
      tasks: instances.tasks.map(taskStanding),
    };
    nodes[name] = { ...taskStanding(standing), needs: spec.needs, instances: rows };
  });
  const names = (tasks: Iterable<Task>) => [...tasks].map((task) => task.name).sort();
  // Through JSON, because decoded messages have prototypes of their own.
  return JSON.parse(JSON.stringify({ ...plain, nodes, doomed: names(doomed) }));
}

/** Without what no journal has: its place in a queue, and what was found out about it. */
function taskStanding(task: Omit<Task, 'node'> & { node?: unknown }): object {
  const { node: _, place: __, admitted: ___, preparation: ____, prepared: _____, ...standing } = task;
  return standing;
}

function pick<T extends object, K extends keyof T>(from: T, keys: K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
