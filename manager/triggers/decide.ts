import type { TriggerSpec } from '../spec/trigger-spec.ts';
import type { ScheduleRow } from '../store/schedules.ts';
import type { FireTimes } from './times.ts';

/** Milliseconds by which a fire may be late and counts as on time: what a manager may be away to be restarted. */
export const LATE_MS = 300_000;
/** Fires that are made up for, and that wait, at most; the newest of those that were missed. */
export const MOST_WAITING = 100;

/** What a look at a schedule leads to. */
export interface Decision {
  /** Scheduled time of the run to start now; undefined is none. */
  start: number | undefined;
  /** The run before is to be cancelled. */
  cancel: boolean;
  set: Pick<ScheduleRow, 'nextMs' | 'waiting' | 'lastMs' | 'lastOutcome'>;
}

export type ScheduleState = Pick<
  ScheduleRow,
  'nextMs' | 'waiting' | 'lastMs' | 'lastOutcome' | 'lastRunId' | 'paused'
>;
export type Policy = Pick<TriggerSpec, 'overlap' | 'catchUp'>;

/**
 * One look at a schedule: which of the times that have come fire, and what becomes of them. Undefined when nothing is to
 * be changed. `runs` is whether the run that it started last goes on.
 */
export function decide(
  state: ScheduleState,
  policy: Policy,
  times: FireTimes,
  { nowMs, runs }: { nowMs: number; runs: boolean },
): Decision | undefined {
  if (state.paused) return undefined;
  const due = state.nextMs <= nowMs ? times.between(state.nextMs - 1, nowMs, MOST_WAITING + 1) : [];
  const fires = due.length === 0 ? [] : firesOf(due, policy, nowMs);
  const decision = afterFires(state, fires, policy, runs);
  const { set } = decision;
  if (due.length > 0) {
    set.nextMs = times.next(nowMs);
    set.lastMs = due.at(-1)!;
    if (fires.length === 0)
      set.lastOutcome = `missed: no manager was there, and catchUp is ${policy.catchUp}`;
  }
  if (!runs && set.waiting.length > 0) {
    decision.start = set.waiting.shift()!;
    set.lastOutcome = 'started';
  }
  const isAsked = decision.cancel && fires.length === 0;
  return due.length > 0 || decision.start !== undefined || isAsked ? decision : undefined;
}

/** A fire that somebody asks for now. Undefined when the run before goes on and the overlap says to skip it. */
export function decideManual(
  state: ScheduleState,
  policy: Policy,
  { nowMs, runs }: { nowMs: number; runs: boolean },
): Decision | undefined {
  if (runs && policy.overlap === 'skip') return undefined;
  const decision = afterFires(state, [nowMs], policy, runs || state.waiting.length > 0);
  if (!runs && decision.set.waiting.length > 0) {
    decision.start = decision.set.waiting.shift()!;
    decision.set.lastOutcome = 'started';
  }
  return decision;
}

/** Those of the times that have come which are not lost. */
function firesOf(due: number[], { catchUp }: Policy, nowMs: number): number[] {
  const last = due.at(-1)!;
  if (catchUp === 'all') return due.slice(-MOST_WAITING);
  return catchUp === 'last' || nowMs - last <= LATE_MS ? [last] : [];
}

function afterFires(state: ScheduleState, fires: number[], { overlap }: Policy, runs: boolean): Decision {
  const { nextMs, waiting, lastMs, lastOutcome } = state;
  const decision: Decision = {
    start: undefined,
    cancel: false,
    set: { nextMs, waiting: [...waiting], lastMs, lastOutcome },
  };
  const { set } = decision;
  const busy = runs || waiting.length > 0;
  if (fires.length === 0) {
    // A cancel that was asked for and not seen: its manager may have died in between.
    decision.cancel = overlap === 'replace' && runs && waiting.length > 0;
  } else if (overlap === 'replace') {
    set.waiting = [fires.at(-1)!];
    decision.cancel = runs;
    set.lastOutcome = `waiting: run ${state.lastRunId} is cancelled for it`;
  } else if (fires.length === 1 && overlap === 'skip' && busy) {
    set.lastOutcome = `skipped: run ${state.lastRunId} went on`;
  } else {
    // Several are made up for one after the other, whatever the overlap: they were not to overlap when they were due.
    set.waiting.push(...fires);
    const left = set.waiting.splice(MOST_WAITING).length;
    set.lastOutcome =
      left > 0 ? `skipped: ${MOST_WAITING} fires wait` : `waiting: run ${state.lastRunId} goes on`;
  }
  return decision;
}
