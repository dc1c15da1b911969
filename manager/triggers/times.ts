import { Cron } from 'croner';
import type { ScheduleSpec } from '../spec/trigger-spec.ts';

/**
 * When a schedule fires. Clock changes: a pattern of fixed times (no `*` or step in minute and hour) fires once for each of
 * its times a day. One that falls into the hour that is left out fires at its end, one that is there twice fires once. A
 * pattern with `*` or a step goes by the clock as it runs: twice in the hour that is there twice.
 */
export interface FireTimes {
  /** The first after a moment; NEVER when there is none. */
  next(afterMs: number): number;
  /** Those in (afterMs, untilMs], but at most the newest `most`. */
  between(afterMs: number, untilMs: number, most: number): number[];
}

/** Sorts after every time. */
export const NEVER = Number.MAX_SAFE_INTEGER;

export function fireTimes(schedule: ScheduleSpec, timeZone: string): FireTimes {
  const next = schedule.kind === 'every' ? every(schedule.everyMs) : cron(schedule.cron, timeZone);
  return {
    next,
    between(afterMs, untilMs, most) {
      // From the end backwards, in spans that double: nobody goes through the seconds of a year for its last ones.
      for (let span = 60_000; ; span *= 2) {
        const from = Math.max(afterMs, untilMs - span);
        const times: number[] = [];
        for (let at = next(from); at <= untilMs; at = next(at)) times.push(at);
        if (times.length >= most || from === afterMs) return times.slice(-most);
      }
    },
  };
}

function every(everyMs: number): FireTimes['next'] {
  return (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs;
}

function cron(pattern: string, timeZone: string): FireTimes['next'] {
  const times = new Cron(pattern, {
    timezone: timeZone,
    paused: true,
    fixedTimeRule: 'no-wildcard',
  });
  return (afterMs) => times.nextRun(new Date(afterMs))?.getTime() ?? NEVER;
}
