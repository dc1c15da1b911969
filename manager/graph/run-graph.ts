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

/** Gives every node its definition from an edited spec; edges are made anew, states are kept. */
export function rebuildRunGraph(
  before: RunGraph,
  spec: PipelineSpec,
  context: Record<string, string>,
): RunGraph {
  const after = buildRunGraph(spec, context);
  after.forEachNode((name, node) => {
    if (!before.hasNode(name)) return;
    const { spec: _, order: __, waiting: ___, ...standing } = before.getNodeAttributes(name);
    Object.assign(node, standing);
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
