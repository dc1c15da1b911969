import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';

/** How long processors took in earlier runs, newest first. */
export type Times = Map<string, TimeSample[]>;

export interface TimeSample {
  /** Milliseconds; of one with instances the mean of theirs. */
  ms: number;
  /** Instances; 0 for a processor without. */
  count: number;
}

/** Runs in which a processor was executed that its time is the median of. */
const SAMPLES = 5;

/** Adds what was executed in a run; what was cached there took no time that would tell anything. */
export function addTimes(times: Times, run: RunMachine): void {
  run.graph.forEachNode((name, node) => {
    const known = times.get(name) ?? [];
    if (known.length >= SAMPLES) return;
    const taken = (node.instances?.tasks ?? [node]).map(timeOf).filter((ms) => ms !== undefined);
    if (taken.length === 0) return;
    const ms = taken.reduce((sum, one) => sum + one, 0) / taken.length;
    times.set(name, [...known, { ms, count: node.instances?.tasks.length ?? 0 }]);
  });
}

export function enoughTimes(times: Times, names: string[]): boolean {
  return names.every((name) => (times.get(name)?.length ?? 0) >= SAMPLES);
}

/** Of at least one number. */
export function medianOf(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Of its last attempt, when that succeeded. */
function timeOf({ attempts, reason }: Task): number | undefined {
  const last = attempts[attempts.length - 1];
  if (reason === 'cached' || last?.state !== ProcessorState.SUCCEEDED || last.report === undefined)
    return undefined;
  return Math.max(0, last.report.endedUnixMs - last.report.startedUnixMs);
}
