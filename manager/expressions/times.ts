import { isReflectMessage } from '@bufbuild/protobuf/reflect';
import { TimestampSchema } from '@bufbuild/protobuf/wkt';
import { charge, Problem } from './problem.ts';
import type { Value } from './values.ts';

/**
 * Parts of a time: `getHours()` and so on, with an optional time zone. Ours, since those of the library go through the
 * zone of this machine and are wrong where that one changes its clocks.
 */

type Part = (date: Date) => number;

const PARTS: Record<string, Part> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

const DAY_MS = 24 * 60 * 60 * 1000;

export const TIME_METHODS = Object.keys(PARTS);

/** undefined when the arguments are not a time and perhaps a zone. */
export function timePart(name: string, [time, zone, ...rest]: readonly Value[]): Value | undefined {
  if (!isReflectMessage(time, TimestampSchema) || rest.length > 0) return undefined;
  if (zone !== undefined && typeof zone !== 'string') return undefined;
  const { seconds, nanos } = time.message as unknown as { seconds: bigint; nanos: number };
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  return BigInt(PARTS[name]!(new Date(zone === undefined ? ms : ms + offsetMs(ms, zone))));
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks of the zone are ahead of UTC at that time. */
function offsetMs(ms: number, zone: string): number {
  charge(100);
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed) {
    const [, sign, hours, minutes] = fixed;
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  }
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year, month, day, hour, minute, second } = parts as Record<string, number>;
  const there = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  return there - Math.floor(ms / 1000) * 1000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const number = 'numeric';
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        year: number,
        month: number,
        day: number,
        hour: number,
        minute: number,
        second: number,
      });
    } catch {
      throw new Problem(
        `"${zone.slice(0, 60)}" is not a time zone. Write a name such as Europe/Berlin, or +02:00.`,
      );
    }
    if (formats.size > 100) formats.clear();
    formats.set(zone, format);
  }
  return format;
}
