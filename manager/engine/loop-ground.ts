import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Task } from '../graph/processor-node.ts';
import type { Placement } from './assignment.ts';
import type { Outgoing } from './outgoing.ts';
import type { Conclusion, Prepared } from './preparation.ts';
import type { RunMachine } from './run.ts';

/** Everything that is outside of the loop, and handed in. */
export interface LoopGround {
  /** Group commit. Returns runs that somebody else owns now. Throws when nothing was stored. */
  commit(runs: { run: RunMachine; events: Event[] }[]): Promise<{ fenced: string[] }>;
  /** Takes up to `wanted` permits of the global limit for attempts of these runs; null: there is no limit. */
  permits: { reserve(wanted: number): Promise<number>; assigned(placements: Placement[]): void } | null;
  /** Finds out what tasks are to do, in the order in which they are given: at once or later. */
  prepare(run: RunMachine, tasks: Task[]): (Prepared | Promise<Prepared>)[];
  /** Finds out what a run that is about to succeed leaves. */
  conclude(run: RunMachine): Promise<Conclusion>;
  now(): number;
  /** 0 <= x < 1 */
  chance(): number;
  /** Calls soon, after the inputs that have already arrived. */
  defer(tick: () => void): void;
  /** Calls once, later; returns how to call it off. */
  timer(ms: number, ring: () => void): () => void;
  send(executorId: string, outgoing: Outgoing): void;
  /** The journal holds these now. */
  committed(run: RunMachine, events: Event[]): void;
  fenced(runId: string): void;
  /** The store refused a commit; it is tried again. Undefined: it works again. */
  storeFailing(error: Error | undefined): void;
  /** Something is ready and no executor is there. */
  needExecutor(): void;
}
