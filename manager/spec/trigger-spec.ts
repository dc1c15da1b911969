/** Triggers of a pipeline file, checked: what starts runs of it by itself. */

export interface TriggerSpec {
  /** Unique in the pipeline. */
  name: string;
  schedule: ScheduleSpec;
  /** Params of the runs, as text. */
  params: Record<string, string>;
  /** What becomes of a fire while the run of the one before goes on. */
  overlap: 'skip' | 'queue' | 'replace';
  /** What becomes of fires that were missed because no manager was there. */
  catchUp: 'none' | 'last' | 'all';
  /** Nothing fires until it is resumed. */
  paused: boolean;
}

export type ScheduleSpec =
  | {
      kind: 'cron';
      cron: string;
      /** IANA name; null is that of the pipeline, or else of the manager. */
      timeZone: string | null;
    }
  /** Whole multiples of the time since 1970-01-01T00:00Z. */
  | { kind: 'every'; everyMs: number };
