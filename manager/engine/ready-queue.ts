import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { ProcessorNode } from '../graph/processor-node.ts';

/** A native program takes a slot of its executor; a bundled processor that only waits takes none. They queue
 *  apart, so that neither holds up the other. */
export type Lane = 'program' | 'call';

export function laneOf(node: ProcessorNode): Lane {
  return node.spec.action.kind === 'call' ? 'call' : 'program';
}

/** Ready processors of one run, first come first served in each lane. Priorities will be more lanes. */
export interface ReadyQueue {
  push(node: ProcessorNode): void;
  /** The next one of a lane, removed; undefined when there is none. */
  take(lane: Lane): ProcessorNode | undefined;
  /** How many wait; those that were settled meanwhile may still be counted. */
  size(): number;
  clear(): void;
}

export function newReadyQueue(): ReadyQueue {
  const lanes: Record<Lane, { nodes: ProcessorNode[]; head: number }> = {
    program: { nodes: [], head: 0 },
    call: { nodes: [], head: 0 },
  };
  const clear = (lane: Lane): undefined => {
    lanes[lane].nodes = [];
    lanes[lane].head = 0;
  };
  return {
    push: (node) => void lanes[laneOf(node)].nodes.push(node),
    take(name) {
      const lane = lanes[name];
      while (lane.head < lane.nodes.length) {
        const node = lane.nodes[lane.head++]!;
        // Cancelled or blocked while it waited here.
        if (!node.settled && node.state === ProcessorState.IDLE) return node;
      }
      return clear(name);
    },
    size: () => lanes.program.nodes.length - lanes.program.head + lanes.call.nodes.length - lanes.call.head,
    clear: () => {
      clear('program');
      clear('call');
    },
  };
}
