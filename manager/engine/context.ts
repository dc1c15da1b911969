import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { graphOrder } from '../graph/run-graph.ts';
import type { RunMachine } from './run.ts';

/**
 * The context that a processor inherits: the run's, and what its ancestors added. Of two that set the same key, the later
 * in the graph wins (after all it needs, and in the order of the file where that leaves it open); when the later one
 * does not depend on the other, that is kept among the run's conflicts. Whoever merely hands a value on undoes nothing.
 * Nodes that inherit the same share one object.
 */
export function contextOf(run: RunMachine, node: ProcessorNode): Record<string, string> {
  const needs = node.spec.needs.map((name) => run.graph.getNodeAttributes(name));
  const changed = needs.filter((need) => adds(need) || need.context !== run.context);
  if (changed.length === 0) return run.context;
  const first = changed[0]!;
  if (changed.every((need) => !adds(need) && need.context === first.context)) return first.context;
  const context = { ...run.context };
  const writers = new Map<string, string>();
  for (const need of changed) {
    const added = addedBy(run, need);
    for (const [key, writer] of writersOf.get(need.context) ?? []) {
      if (!Object.hasOwn(added, key)) set(key, need.context[key]!, writer);
    }
    for (const [key, value] of Object.entries(added)) set(key, value, need.name);
  }
  writersOf.set(context, writers);
  return context;

  function set(key: string, value: string, writer: string): void {
    const other = writers.get(key);
    if (other === writer) return;
    const wins = other === undefined || isLater(run, writer, other);
    if (other !== undefined && context[key] !== value && !run.conflicts.has(key)) {
      const [loser, winner] = wins ? [other, writer] : [writer, other];
      if (!dependsOn(run, winner, loser)) conflict(run, key, loser, winner);
    }
    if (!wins) return;
    context[key] = value;
    writers.set(key, writer);
  }
}

/** Of a context, the processor that has set a key last. What the run itself has is in none. */
const writersOf = new WeakMap<Record<string, string>, Map<string, string>>();

function conflict(run: RunMachine, key: string, loser: string, winner: string): void {
  run.conflicts.set(key, `context ${key} was set by ${loser} and by ${winner}; that of ${winner} holds`);
}

/** An edited file may have taken a writer away: that one is the earlier. */
function isLater(run: RunMachine, name: string, than: string): boolean {
  const order = graphOrder(run.graph);
  return (order.get(name) ?? -1) > (order.get(than) ?? -1);
}

function dependsOn(run: RunMachine, name: string, on: string): boolean {
  if (!run.graph.hasNode(name)) return false;
  const seen = new Set([name]);
  // A set is walked in the order of insertion, also over what is added on the way.
  for (const one of seen) {
    if (one === on) return true;
    for (const need of run.graph.getNodeAttributes(one).spec.needs) {
      if (need === on || isLater(run, need, on)) seen.add(need);
    }
  }
  return false;
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
