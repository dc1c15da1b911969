import { stableValue } from '../spec/diff.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import type { NewSchedule } from '../store/schedules.ts';
import { fireTimes } from './times.ts';

/** The schedules of a pipeline that is applied now. */
export function schedulesOf(spec: PipelineSpec, ownTimeZone: string, nowMs: number): NewSchedule[] {
  return spec.triggers.map((trigger) => {
    const { name, schedule, paused } = trigger;
    const zone = schedule.kind === 'cron' ? schedule.timeZone : 'UTC';
    const timeZone = zone ?? spec.timeZone ?? ownTimeZone;
    return {
      name,
      definition: stableValue(trigger),
      timeZone,
      paused,
      nextMs: fireTimes(schedule, timeZone).next(nowMs),
    };
  });
}
