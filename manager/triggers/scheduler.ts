import { WizError } from '../../proto/error.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { coalesced } from '../coalesced.ts';
import type { RunMachine } from '../engine/run.ts';
import type { TriggerSpec } from '../spec/trigger-spec.ts';
import type { ScheduleChange, ScheduleRow, StartedRun } from '../store/schedules.ts';
import type { Store } from '../store/store.ts';
import { type Decision, decide, decideManual } from './decide.ts';
import { fireTimes } from './times.ts';

/**
 * Fires schedules that are due. A look reads what is due, decides (decide.ts), and stores run and next time together; who
 * is late finds the schedule changed and has done nothing. Looks come with the next time that is due, when a run has
 * ended, and with each heartbeat.
 */
export interface Scheduler {
  look(): Promise<void>;
  /** Fires one now. Throws WizError failed_precondition when its run goes on and the overlap is skip; `started` is
   *  empty when the fire waits. */
  fire(row: ScheduleRow): Promise<{ started: string }>;
  /** Fires nothing more once this resolves. */
  close(): Promise<void>;
}

export interface NewFire {
  row: ScheduleRow;
  trigger: TriggerSpec;
  scheduledMs: number;
  manual: boolean;
}

export interface BuiltRun {
  run: RunMachine;
  stored: StartedRun;
}

export interface SchedulerOptions {
  store: Pick<Store, 'dueSchedules' | 'nextScheduleMs' | 'advanceSchedule' | 'getRun'>;
  /** Builds a run, and stores nothing. */
  build(fire: NewFire): Promise<BuiltRun>;
  /** It is stored. */
  started(built: BuiltRun): Promise<void>;
  cancel(runId: string, message: string): Promise<void>;
  /** The lease without which nothing fires by itself; undefined when this manager does not have it. */
  fence(): Promise<ScheduleChange['fence'] | undefined>;
  now(): number;
  note(message: string): void;
}

/** The longest timer. */
const LONGEST_TIMER_MS = 60_000;
/** Fires of one schedule in one look: it is asked again as long as something has come of it. */
const MOST_STEPS = 10;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { store, now } = options;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  // What fails is tried again with the next heartbeat.
  const look = coalesced(lookOnce, (error) => options.note(`schedules: ${error.message}`));

  async function lookOnce(): Promise<void> {
    if (closed) return;
    clearTimeout(timer);
    const fence = await options.fence();
    if (fence === undefined) return;
    for (const row of await store.dueSchedules(now())) await step(row, fence);
    const next = await store.nextScheduleMs();
    if (next === undefined || closed) return;
    const wait = Math.min(Math.max(next - now(), 10), LONGEST_TIMER_MS);
    timer = setTimeout(look, wait).unref();
  }

  async function step(row: ScheduleRow, fence: ScheduleChange['fence']): Promise<void> {
    const trigger = JSON.parse(row.definition) as TriggerSpec;
    const times = fireTimes(trigger.schedule, row.timeZone);
    let at = row;
    for (let steps = 0; steps < MOST_STEPS && !closed; steps++) {
      const decision = decide(at, trigger, times, { nowMs: now(), runs: await goesOn(at) });
      if (decision === undefined) return;
      const next = await carryOut(at, trigger, decision, fence, false);
      if (next === undefined) return;
      // A run was started, or something waits: nothing more comes of it now.
      if (next.lastRunId !== at.lastRunId || decision.cancel || next.waiting.length === 0) return;
      at = next;
    }
  }

  async function goesOn({ lastRunId }: ScheduleRow): Promise<boolean> {
    if (lastRunId === '') return false;
    return (await store.getRun(lastRunId))?.state === RunState.RUNNING;
  }

  /** The schedule as it is then; undefined when somebody else was faster. */
  async function carryOut(
    row: ScheduleRow,
    trigger: TriggerSpec,
    { start, cancel, set }: Decision,
    fence: ScheduleChange['fence'],
    manual: boolean,
  ): Promise<ScheduleRow | undefined> {
    const { pipeline, name, revision, paused } = row;
    let { lastRunId } = row;
    let built: BuiltRun | undefined;
    if (start !== undefined) {
      try {
        built = await options.build({ row, trigger, scheduledMs: start, manual });
        lastRunId = built.run.runId;
      } catch (error) {
        if (manual || !isLasting(error)) throw error;
        set.lastOutcome = `failed: ${(error as Error).message}`;
      }
    }
    const runs = built === undefined ? [] : [built.stored];
    const all = { ...set, paused, lastRunId };
    if (!(await store.advanceSchedule({ pipeline, name, revision, fence, set: all, runs }))) return undefined;
    if (built !== undefined) await options.started(built);
    if (cancel) await options.cancel(row.lastRunId, `Trigger ${name} replaces it.`);
    return { ...row, ...all, revision: revision + 1 };
  }

  return {
    look,
    async fire(row) {
      const trigger = JSON.parse(row.definition) as TriggerSpec;
      const decision = decideManual(row, trigger, { nowMs: now(), runs: await goesOn(row) });
      if (decision === undefined) {
        throw new WizError(
          'failed_precondition',
          `Run ${row.lastRunId} of schedule "${row.pipeline}/${row.name}" goes on, and its overlap is skip.`,
        );
      }
      const next = await carryOut(row, trigger, decision, undefined, true);
      if (next === undefined) {
        throw new WizError('aborted', `Schedule "${row.pipeline}/${row.name}" has just changed. Try again.`);
      }
      return { started: decision.start === undefined ? '' : next.lastRunId };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await look();
    },
  };
}

/** What another try would not change: wrong params, a pipeline that is not there. */
function isLasting(error: unknown): boolean {
  return (
    error instanceof WizError &&
    ['invalid_argument', 'not_found', 'failed_precondition', 'permission_denied'].includes(error.code)
  );
}
