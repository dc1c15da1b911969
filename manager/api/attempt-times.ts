import type { AttemptRecord, Task } from '../graph/processor-node.ts';

export interface AttemptTimes {
  /** Unix ms; 0 unknown. */
  startedMs: number;
  endedMs: number;
  /** ms; null unknown. */
  queueMs: number | null;
  runMs: number | null;
}

/** Executors have clocks of their own: a difference between two is never less than nothing. */
export function timesOf({ readyMs, assignedMs, report, endedMs: toldMs }: AttemptRecord): AttemptTimes {
  const startedMs = report?.startedUnixMs ?? 0;
  const endedMs = report?.endedUnixMs || toldMs;
  if (startedMs === 0) return { startedMs, endedMs, queueMs: null, runMs: null };
  return {
    startedMs,
    endedMs,
    queueMs: Math.max(0, startedMs - (readyMs || assignedMs)),
    runMs: Math.max(0, endedMs - startedMs),
  };
}

/** From the first start of an attempt of the tasks to the last end; 0 not yet. An attempt that runs has not said when it
 *  started: it was assigned then. */
export function spanOf(tasks: readonly Task[]): { startedMs: number; endedMs: number } {
  const span = { startedMs: 0, endedMs: 0 };
  for (const { attempts } of tasks) {
    for (const record of attempts) {
      const times = timesOf(record);
      widen(span, record.report === undefined ? { ...times, startedMs: record.assignedMs } : times);
    }
  }
  return span;
}

export function widen(
  span: { startedMs: number; endedMs: number },
  { startedMs, endedMs }: AttemptTimes,
): void {
  if (startedMs > 0 && (span.startedMs === 0 || startedMs < span.startedMs)) span.startedMs = startedMs;
  if (endedMs > span.endedMs) span.endedMs = endedMs;
}
