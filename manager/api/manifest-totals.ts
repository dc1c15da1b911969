import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { ProcessorNode, Task } from '../graph/processor-node.ts';
import { timesOf, widen } from './attempt-times.ts';
import type { ManifestCounts, ManifestTotals } from './manifest-schema.ts';

/** When tasks started and ended (unix ms, 0 unknown), and what their attempts used together. */
export interface Sums {
  startedMs: number;
  endedMs: number;
  totals: ManifestTotals;
  /** Tasks whose result was reused. */
  cached: number;
  instances: ManifestCounts;
}

export function newSums(): Sums {
  return {
    startedMs: 0,
    endedMs: 0,
    totals: {
      attempts: 0,
      queueMs: 0,
      runMs: 0,
      userCpuMs: 0,
      systemCpuMs: 0,
      peakMemoryBytes: 0,
      inputBytes: 0,
      outputBytes: 0,
      stdoutBytes: 0,
      stderrBytes: 0,
      logLines: 0,
    },
    cached: 0,
    instances: { idle: 0, running: 0, failed: 0, succeeded: 0 },
  };
}

/** Of the whole run. */
export function sumsOfRun(run: RunMachine): Sums {
  const sums = newSums();
  run.graph.forEachNode((_, node) => addNode(sums, node));
  return sums;
}

/** Adds a processor and its instances. */
export function addNode(sums: Sums, node: ProcessorNode): Sums {
  addTask(sums, node);
  if (node.instances === undefined) return sums;
  for (const task of node.instances.tasks) addTask(sums, task);
  for (const state of ['idle', 'running', 'failed', 'succeeded'] as const) {
    sums.instances[state] += node.instances[state];
  }
  return sums;
}

function addTask(sums: Sums, { attempts, state, reason }: Task): void {
  const { totals } = sums;
  if (state === ProcessorState.SUCCEEDED && reason === 'cached') sums.cached += 1;
  for (const record of attempts) {
    const { report } = record;
    const times = timesOf(record);
    widen(sums, times);
    if (report === undefined) continue;
    totals.attempts += 1;
    totals.queueMs += times.queueMs ?? 0;
    totals.runMs += times.runMs ?? 0;
    totals.logLines += report.logLines;
    const { usage } = report;
    if (usage === undefined) continue;
    totals.userCpuMs += usage.userCpuMs;
    totals.systemCpuMs += usage.systemCpuMs;
    totals.peakMemoryBytes = Math.max(totals.peakMemoryBytes, usage.peakMemoryBytes);
    totals.inputBytes += usage.inputBytes;
    totals.outputBytes += usage.outputBytes;
    totals.stdoutBytes += usage.stdoutBytes;
    totals.stderrBytes += usage.stderrBytes;
  }
}
