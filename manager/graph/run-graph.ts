import { DirectedGraph } from 'graphology';
import type { PipelineSpec, ProcessorSpec } from '../spec/spec.ts';
import { newProcessorNode, type ProcessorNode } from './processor-node.ts';

/**
 * The DAG of one run: graphology's DirectedGraph, keyed by processor name, an edge from what is needed to what
 * needs it. `getNodeAttributes(name)` is the live ProcessorNode.
 */
export type RunGraph = DirectedGraph<ProcessorNode>;

/** Builds the graph of a checked spec (names are unique, needs exist, no cycles). */
export function buildRunGraph(spec: PipelineSpec, context: Record<string, string>): RunGraph {
  const graph: RunGraph = new DirectedGraph<ProcessorNode>({ allowSelfLoops: false });
  spec.processors.forEach((processor, order) => {
    graph.addNode(processor.name, newProcessorNode(processor, order, context));
  });
  for (const processor of spec.processors) {
    for (const need of processor.needs) graph.addDirectedEdge(need, processor.name);
  }
  return graph;
}

/** What a node has from its spec and its place in the graph, and not from what happened. */
const OWN_KEYS = ['node', 'spec', 'order', 'waiting'] as const satisfies (keyof ProcessorNode)[];

/** Gives every node its definition from an edited spec; edges are made anew, states are kept. */
export function rebuildRunGraph(
  before: RunGraph,
  spec: PipelineSpec,
  context: Record<string, string>,
): RunGraph {
  const after = buildRunGraph(spec, context);
  after.forEachNode((name, node) => {
    if (!before.hasNode(name)) return;
    const standing: Partial<ProcessorNode> = { ...before.getNodeAttributes(name) };
    for (const key of OWN_KEYS) delete standing[key];
    Object.assign(node, standing);
    for (const task of node.instances?.tasks ?? []) Object.assign(task, { node });
  });
  return after;
}

/** The named processors and all that depend on them, directly or not. */
export function withDownstream(graph: RunGraph, names: Iterable<string>): Set<string> {
  const found = new Set<string>(names);
  // A set is walked in the order of insertion, also over what is added on the way.
  for (const name of found) graph.forEachOutNeighbor(name, (dependent) => found.add(dependent));
  return found;
}

/** Processors whose definition differs between two specs, or that only the new one has. */
export function changedProcessors(before: RunGraph, spec: PipelineSpec): string[] {
  const same = (a: ProcessorSpec, b: ProcessorSpec) => JSON.stringify(a) === JSON.stringify(b);
  return spec.processors
    .filter((p) => !before.hasNode(p.name) || !same(before.getNodeAttributes(p.name).spec, p))
    .map((p) => p.name);
}

/** Every processor by its place in the graph: each after all it needs, and in the order of the file where that leaves it
 *  open. */
export function graphOrder(graph: RunGraph): Map<string, number> {
  let order = orders.get(graph);
  if (order === undefined) {
    order = orderOf(graph);
    orders.set(graph, order);
  }
  return order;
}

const orders = new WeakMap<RunGraph, Map<string, number>>();

function orderOf(graph: RunGraph): Map<string, number> {
  const depths = new Map<string, number>();
  const waiting = new Map<string, number>();
  let layer: string[] = [];
  graph.forEachNode((name) => {
    waiting.set(name, graph.inDegree(name));
    if (graph.inDegree(name) === 0) layer.push(name);
  });
  for (let depth = 0; layer.length > 0; depth += 1) {
    const next: string[] = [];
    for (const name of layer) {
      depths.set(name, depth);
      graph.forEachOutNeighbor(name, (dependent) => {
        waiting.set(dependent, waiting.get(dependent)! - 1);
        if (waiting.get(dependent) === 0) next.push(dependent);
      });
    }
    layer = next;
  }
  const names = graph.nodes().sort((a, b) => {
    const byDepth = depths.get(a)! - depths.get(b)!;
    return byDepth || graph.getNodeAttribute(a, 'order') - graph.getNodeAttribute(b, 'order');
  });
  return new Map(names.map((name, place) => [name, place]));
}
