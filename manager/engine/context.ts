import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { graphOrder } from '../graph/run-graph.ts';
import type { RunMachine } from './run.ts';

/**
 * The context that a processor inherits: the run's, and what its ancestors added. Of two that set the same key, the later
 * in the graph wins (after all it needs, and in the order of the file where that leaves it open); when neither saw the
 * other's value, that is kept among the run's conflicts. Nodes that inherit the same share one object.
 */
export function contextOf(run: RunMachine, node: ProcessorNode): Record<string, string> {
  const needs = node.spec.needs.map((name) => run.graph.getNodeAttributes(name));
  const changed = needs.filter((need) => adds(need) || need.context !== run.context);
  if (changed.length === 0) return run.context;
  const first = changed[0]!;
  if (changed.every((need) => !adds(need) && need.context === first.context)) return first.context;
  const context = { ...run.context };
  const owners = new Map<string, ProcessorNode>();
  for (const need of inGraphOrder(run, changed)) {
    // Only what differs from the run's own: a need that merely inherited a value must not undo a change.
    for (const [key, value] of Object.entries(need.context)) {
      if (run.context[key] !== value && context[key] !== value) set(key, value, need);
    }
    for (const [key, value] of Object.entries(addedBy(run, need))) set(key, value, need);
  }
  return context;

  function set(key: string, value: string, need: ProcessorNode): void {
    const owner = owners.get(key);
    const unseen = owner !== undefined && context[key] !== value && need.context[key] !== context[key];
    if (unseen && owner !== need) conflict(run, key, owner.name, need.name);
    context[key] = value;
    owners.set(key, need);
  }
}

function conflict(run: RunMachine, key: string, loser: string, winner: string): void {
  run.conflicts.set(key, `context ${key} was set by ${loser} and by ${winner}; that of ${winner} holds`);
}

function inGraphOrder(run: RunMachine, nodes: ProcessorNode[]): ProcessorNode[] {
  if (nodes.length === 1) return nodes;
  const order = graphOrder(run.graph);
  return nodes.toSorted((a, b) => order.get(a.name)! - order.get(b.name)!);
}

function adds({ added, instances }: ProcessorNode): boolean {
  return added !== undefined || (instances?.tasks.some((task) => task.added !== undefined) ?? false);
}

/** Of instances the last one that set a key wins. */
function addedBy(run: RunMachine, node: ProcessorNode): Record<string, string> {
  if (node.instances === undefined) return node.added ?? {};
  const added: Record<string, string> = {};
  const owners = new Map<string, Task>();
  for (const task of node.instances.tasks) {
    for (const [key, value] of Object.entries(task.added ?? {})) {
      const owner = owners.get(key);
      if (owner !== undefined && added[key] !== value) conflict(run, key, owner.name, task.name);
      added[key] = value;
      owners.set(key, task);
    }
  }
  return added;
}
