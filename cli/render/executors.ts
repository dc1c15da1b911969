/** Executors as a table. */
import { type Executor, ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import type { Column } from './table.ts';
import { bytes, duration } from './words.ts';

const STATE: Record<ExecutorState, string> = {
  [ExecutorState.UNSPECIFIED]: 'unknown',
  [ExecutorState.UP]: 'up',
  [ExecutorState.JOINED]: 'joined',
  [ExecutorState.UNHEALTHY]: 'unhealthy',
  [ExecutorState.DRAINING]: 'draining',
  [ExecutorState.DRAINED]: 'drained',
};

export function executorColumns(nowMs: number): Column<Executor>[] {
  return [
    { title: 'EXECUTOR', text: ({ name, executorId }) => name || executorId },
    { title: 'KIND', text: ({ launcher }) => launcher },
    { title: 'STATE', text: (executor) => stateOf(executor, nowMs) },
    { title: 'RUNNING', text: runningOf, right: true },
    { title: 'SLOTS', text: ({ slots }) => String(slots), right: true },
    { title: 'LOAD', text: ({ load }) => (load ? `${Math.round(load.cpu * 100)}%` : ''), right: true },
    {
      title: 'FREE MEM',
      text: ({ load }) => (load?.freeMemoryBytes ? bytes(load.freeMemoryBytes) : ''),
      right: true,
    },
    {
      title: 'UP',
      text: ({ reachable, startedUnixMs }) => (reachable ? duration(nowMs - startedUnixMs) : ''),
      right: true,
    },
    { title: 'VERSION', text: ({ version }) => version },
    { title: 'LABELS', text: ({ labels }) => pairsOf(labels) },
    { title: 'ADDRESS', text: ({ address }) => address },
  ];
}

/** `unhealthy 12.0s`: for how long, where somebody may have to do something about it. */
function stateOf({ state, stateSinceUnixMs }: Executor, nowMs: number): string {
  const tellsTime = state === ExecutorState.UNHEALTHY || state === ExecutorState.DRAINING;
  const since = tellsTime && stateSinceUnixMs > 0 ? ` ${duration(nowMs - stateSinceUnixMs)}` : '';
  return STATE[state] + since;
}

function runningOf({ running, load }: Executor): string {
  const waiting = load?.waiting ?? 0;
  return waiting === 0 ? String(running) : `${running} (${waiting} wait)`;
}

function pairsOf(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(' ');
}
