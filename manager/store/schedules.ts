import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { NewDelivery } from './deliveries.ts';
import type { RunRow } from './store.ts';

/**
 * Schedules of applied pipelines: written by apply, removed by delete. `nextMs` is when one fires next; firing stores the
 * run and the next time in one transaction, on condition that nobody has changed the schedule meanwhile. So of two
 * managers that see the same fire one stores it, and a manager that dies has fired wholly or not at all.
 */
export interface ScheduleStore {
  /** Of one pipeline, or of all; by pipeline and name. */
  listSchedules(pipeline?: string): Promise<ScheduleRow[]>;
  /** Those that are not paused, and due or with fires that wait. */
  dueSchedules(nowMs: number): Promise<ScheduleRow[]>;
  /** When the next one that is not paused is due; undefined when there is none. */
  nextScheduleMs(): Promise<number | undefined>;
  /** False when the schedule is another one by now, or the fence does not hold: nothing was stored. */
  advanceSchedule(change: ScheduleChange): Promise<boolean>;
}

/** As a pipeline file has it, with what is worked out when it is applied. */
export interface NewSchedule {
  name: string;
  /** TriggerSpec as JSON with sorted keys. One that is the same goes on as it was. */
  definition: string;
  /** IANA name. */
  timeZone: string;
  paused: boolean;
  /** Its first fire. */
  nextMs: number;
}

export interface ScheduleRow extends NewSchedule {
  pipeline: string;
  /** The newest version of the pipeline: what is run. */
  version: number;
  /** Whether the file says that it is paused. `paused` goes on as it is until that changes. */
  pausedByFile: boolean;
  /** Scheduled times of fires that wait for the run before them to end, oldest first. */
  waiting: number[];
  /** Scheduled time of the last fire; 0 there was none. */
  lastMs: number;
  /** The last run that it started; empty when none. */
  lastRunId: string;
  /** What became of the last fire, for people: started, queued, skipped: …, failed: … */
  lastOutcome: string;
  /** Grows with every change. */
  revision: number;
}

export interface ScheduleChange {
  pipeline: string;
  name: string;
  /** The schedule as it was when this was decided. */
  revision: number;
  /** Holder that must still have the lease; undefined is whoever it is. */
  fence?: { kind: string; key: string; holder: string; epoch?: number } | undefined;
  set: Pick<ScheduleRow, 'nextMs' | 'waiting' | 'paused' | 'lastMs' | 'lastRunId' | 'lastOutcome'>;
  /** Runs that begin with it, as createRun has them. */
  runs: StartedRun[];
}

export interface StartedRun {
  row: RunRow;
  events: Event[];
  managerId: string | null;
  deliveries: NewDelivery[];
}
