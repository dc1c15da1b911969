/**
 * The instances of one processor (`each`, `matrix`): rows of it, and no processors of their own. What is kept of each is
 * its state, one byte. A row stands only for those that somebody may want to look at: that run, that wait for another
 * attempt, and the first that failed.
 */
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { parseInstanceName } from '../../proto/instance-name.ts';
import type { ProcessorView } from './view.ts';
import { count as countOf } from './words.ts';

export interface InstancesView {
  readonly count: number;
  /** By index. */
  readonly states: Uint8Array;
  counts: Record<ProcessorState, number>;
  /** Of those that succeeded. */
  cached: number;
  /** By index; the one that came first stands first. */
  running: Map<number, ProcessorView>;
  /** Will be tried again. */
  waiting: Map<number, ProcessorView>;
  /** At most FAILED_ROWS. */
  failed: Map<number, ProcessorView>;
  /** What plain lines have said of them so far, see lines.ts. */
  told: { unixMs: number; tenths: number; failures: number; changes: number };
}

/** Failed instances that are told about one by one; of 100,000 that fail nobody reads each. */
export const FAILED_ROWS = 100;

/** Undefined for the name of a processor. */
export function instanceName(name: string): { processor: string; index: number } | undefined {
  // Most names are of processors: they are not looked at any further.
  if (!name.endsWith(']')) return undefined;
  const { processor, index } = parseInstanceName(name) ?? {};
  return processor === undefined || index === undefined ? undefined : { processor, index };
}

export function newInstances(count: number): InstancesView {
  return {
    count,
    states: new Uint8Array(count).fill(ProcessorState.IDLE),
    counts: { 0: 0, 1: count, 2: 0, 3: 0, 4: 0 },
    cached: 0,
    running: new Map(),
    waiting: new Map(),
    failed: new Map(),
    told: { unixMs: 0, tenths: 0, failures: 0, changes: 0 },
  };
}

/** Puts an instance into a state; returns its row, which `fresh` makes when there is none. */
export function moveInstance(
  instances: InstancesView,
  index: number,
  state: ProcessorState,
  reason: string,
  fresh: () => ProcessorView,
): ProcessorView {
  const { states, counts, running, waiting, failed } = instances;
  const row = running.get(index) ?? waiting.get(index) ?? failed.get(index) ?? fresh();
  for (const rows of [running, waiting, failed]) rows.delete(index);
  counts[states[index] as ProcessorState]--;
  counts[state]++;
  states[index] = state;
  if (state === ProcessorState.SUCCEEDED && reason === 'cached') instances.cached++;
  if (state === ProcessorState.RUNNING) running.set(index, row);
  else if (state === ProcessorState.IDLE) waiting.set(index, row);
  else if (state === ProcessorState.FAILED && failed.size < FAILED_ROWS) failed.set(index, row);
  return row;
}

/** The run goes on: what succeeded stays, everything else waits again. */
export function reopenInstances(instances: InstancesView): void {
  const { states, counts } = instances;
  for (const [i, state] of states.entries()) {
    if (state !== ProcessorState.SUCCEEDED) states[i] = ProcessorState.IDLE;
  }
  const succeeded = counts[ProcessorState.SUCCEEDED];
  instances.counts = { 0: 0, 1: instances.count - succeeded, 2: 0, 3: 0, 4: succeeded };
  for (const rows of [instances.running, instances.waiting, instances.failed]) rows.clear();
}

/** Those that have ended: succeeded, or failed for good. */
export function endedOf({ counts }: Pick<InstancesView, 'counts'>): number {
  return counts[ProcessorState.SUCCEEDED] + counts[ProcessorState.FAILED];
}

/** `1,204 of 10,000 done, 8 running, 2 failed`; when all are done `10,000 instances`. */
export function instanceWords({
  count,
  counts,
  cached = 0,
}: Pick<InstancesView, 'count' | 'counts'> & { cached?: number }): string {
  const done = counts[ProcessorState.SUCCEEDED];
  const all = done === count;
  const number = (n: number) => n.toLocaleString('en');
  return [
    all ? countOf(count, 'instance') : `${number(done)} of ${number(count)} done`,
    counts[ProcessorState.RUNNING] > 0 && `${number(counts[ProcessorState.RUNNING])} running`,
    counts[ProcessorState.FAILED] > 0 && `${number(counts[ProcessorState.FAILED])} failed`,
    cached > 0 && `${number(cached)} cached`,
  ]
    .filter(Boolean)
    .join(', ');
}
