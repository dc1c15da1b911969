import type { Task } from '../graph/processor-node.ts';
import { actionOf, type Placement } from './assignment.ts';
import { promoteRetries } from './readiness.ts';
import { type Lane, laneOf } from './ready-queue.ts';
import type { RunMachine } from './run.ts';
import { failUnstarted, startAttempt } from './transitions.ts';

/** What the scheduler knows of an executor. */
export interface ExecutorLoad {
  readonly executorId: string;
  /** Native programs at once. */
  slots: number;
  /** Attempts given to it that have not ended. */
  program: number;
  call: number;
  /** How long programs took there lately: a moving average in milliseconds; Infinity before the first. */
  programMs: number;
  /** It takes nothing new. */
  draining: boolean;
}

export function newLoad(executorId: string, slots: number): ExecutorLoad {
  return { executorId, slots, program: 0, call: 0, programMs: Number.POSITIVE_INFINITY, draining: false };
}

/**
 * Short programs are sent ahead of a free slot: as much as keeps the slots busy for AHEAD_MS, and the executor
 * starts them as slots come free. Otherwise a slot is idle from the end of one program to the start of the next,
 * for a report, a commit and an assignment: /bin/true on 8 slots ran 1,040 times a second without, and 1,390 with
 * it. Programs longer than SHORT_MS gain nothing, and would be shown as running while they wait.
 */
const AHEAD_MS = 10;
const SHORT_MS = 50;
/** Weight of the latest program in the average. */
const LATEST = 0.2;

/** Bundled processors in flight on one executor. They take no slot; the bound keeps a batch, and what is lost
 *  with an executor, small. 2,048 to 8,192 gave the same 20,000-wide fan-out within 5 %; below 512 it slows. */
export const CALLS_IN_FLIGHT = 4096;

export function capacity(executor: ExecutorLoad, lane: Lane): number {
  if (lane === 'call') return CALLS_IN_FLIGHT - executor.call;
  return executor.slots + ahead(executor) - executor.program;
}

function ahead({ programMs, slots }: ExecutorLoad): number {
  if (programMs >= SHORT_MS) return 0;
  return Math.min(2 * slots, Math.ceil((slots * AHEAD_MS) / programMs));
}

/** More was sent ahead than has slots: the executor has something to do until the next tick. */
export function isAhead(executor: ExecutorLoad): boolean {
  return executor.program > executor.slots;
}

/**
 * Starts what is ready and has room: in turns over the runs, so that a wide run does not starve a small one;
 * each on the executor with the most room. `permits` bounds how many may start under the global limit.
 */
export function schedule(
  runs: Iterable<RunMachine>,
  executors: ExecutorLoad[],
  permits: number,
  nowMs: number,
): Placement[] {
  const placements: Placement[] = [];
  const waiting: RunMachine[] = [];
  for (const run of runs) {
    // What is ready of a run that is cancelled, the other instances of those that run, never starts.
    if (run.cancelRequested) continue;
    promoteRetries(run, nowMs);
    if (run.ready.size() > 0) waiting.push(run);
  }
  for (const lane of ['program', 'call'] as const) {
    let turn = waiting;
    while (turn.length > 0 && placements.length < permits) {
      const next: RunMachine[] = [];
      for (const run of turn) {
        if (placements.length >= permits) break;
        const placement = placeOne(run, lane, executors, nowMs);
        if (placement === undefined) continue;
        placements.push(placement);
        next.push(run);
      }
      turn = next;
    }
  }
  return placements;
}

function placeOne(
  run: RunMachine,
  lane: Lane,
  executors: ExecutorLoad[],
  nowMs: number,
): Placement | undefined {
  if (run.spec.concurrency !== null && run.inFlight >= run.spec.concurrency) return undefined;
  const best = roomiest(run, lane, executors);
  if (best === undefined || capacity(best, lane) <= 0) return undefined;
  for (;;) {
    const task = run.ready.take(lane);
    if (task === undefined) return undefined;
    const action = actionOf(run, task);
    if ('reason' in action) {
      failUnstarted(run, task, action, nowMs);
      continue;
    }
    best[lane] += 1;
    startAttempt(run, task, best.executorId, nowMs, action.inputs);
    return { run, task, executorId: best.executorId, action };
  }
}

/** The executor with the most room; with `affinity: run` the one that has the run, which is waited for. */
function roomiest(run: RunMachine, lane: Lane, executors: ExecutorLoad[]): ExecutorLoad | undefined {
  if (run.pinned !== '') return executors.find(({ executorId }) => executorId === run.pinned);
  let best: ExecutorLoad | undefined;
  for (const executor of executors) {
    if (best === undefined || capacity(executor, lane) > capacity(best, lane)) best = executor;
  }
  return best;
}

/** Gives back the room of an attempt that ended; `tookMs` is known when it tells so itself. */
export function freeRoom(
  executors: Map<string, ExecutorLoad>,
  executorId: string,
  task: Task,
  tookMs?: number,
): void {
  const executor = executors.get(executorId);
  if (executor === undefined) return;
  const lane = laneOf(task);
  executor[lane] -= 1;
  if (lane === 'call' || tookMs === undefined) return;
  const before = Number.isFinite(executor.programMs) ? executor.programMs : tookMs;
  executor.programMs = before + LATEST * (tookMs - before);
}
