import type { Task } from '../graph/processor-node.ts';

/** A native program takes a slot of its executor; a bundled processor that only waits takes none. They queue
 *  apart, so that neither holds up the other. */
export type Lane = 'program' | 'call';

export function laneOf({ node }: Task): Lane {
  return node.spec.action.kind === 'call' ? 'call' : 'program';
}

/**
 * Ready processors of one run, first come first served in each lane. Priorities will be more lanes.
 *
 * A lane is an array that is read from the front. A processor knows its place there, so that taking one out of
 * the middle (it was started before the journal was read again, or was cancelled) is forgetting its place.
 */
export interface ReadyQueue {
  push(node: Task): void;
  /** The next one of a lane, removed; undefined when there is none. */
  take(lane: Lane): Task | undefined;
  /** Does nothing when it is not there. */
  remove(node: Task): void;
  size(): number;
  clear(): void;
}

interface LaneQueue {
  nodes: Task[];
  head: number;
  /** Those that are still in their place. */
  size: number;
}

export function newReadyQueue(): ReadyQueue {
  const lanes: Record<Lane, LaneQueue> = {
    program: { nodes: [], head: 0, size: 0 },
    call: { nodes: [], head: 0, size: 0 },
  };

  function remove(node: Task): void {
    if (node.place < 0) return;
    node.place = -1;
    const lane = lanes[laneOf(node)];
    lane.size -= 1;
    if (lane.size === 0) Object.assign(lane, { nodes: [], head: 0 });
  }

  return {
    push(node) {
      if (node.place >= 0) return;
      const lane = lanes[laneOf(node)];
      node.place = lane.nodes.push(node) - 1;
      lane.size += 1;
    },
    take(name) {
      const lane = lanes[name];
      if (lane.size === 0) return undefined;
      while (lane.nodes[lane.head]!.place !== lane.head) lane.head += 1;
      const node = lane.nodes[lane.head]!;
      remove(node);
      return node;
    },
    remove,
    size: () => lanes.program.size + lanes.call.size,
    clear() {
      for (const lane of Object.values(lanes)) {
        for (const node of lane.nodes) node.place = -1;
        Object.assign(lane, { nodes: [], head: 0, size: 0 });
      }
    },
  };
}
