/** Times of day and days of the week as people write them, and the cron pattern they stand for. */

const DAY = 'sun|mon|tue|wed|thu|fri|sat';

/** `mon`, or a span `mon-fri`. */
export const DAYS_PATTERN = new RegExp(`^(${DAY})(-(${DAY}))?$`, 'i');

/** Hour and minute of `17:00`, `5pm`, `5:30 pm`, `noon`, `midnight`; undefined for anything else. */
export function timeOfDay(text: string): { hour: number; minute: number } | undefined {
  if (text === 'noon') return { hour: 12, minute: 0 };
  if (text === 'midnight') return { hour: 0, minute: 0 };
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (clock !== null) return { hour: Number(clock[1]), minute: Number(clock[2]) };
  const half = /^(1[0-2]|[1-9])(?::([0-5]\d))? ?(am|pm)$/i.exec(text);
  if (half === null) return undefined;
  const hour = (Number(half[1]) % 12) + (half[3]!.toLowerCase() === 'pm' ? 12 : 0);
  return { hour, minute: Number(half[2] ?? 0) };
}

/** `0 17 * * mon-fri` */
export function dailyCron(at: string, days: readonly string[]): string {
  const { hour, minute } = timeOfDay(at)!;
  const names = DAY.split('|');
  const week = days.flatMap((span) => {
    const [from, to = from] = span.toLowerCase().split('-') as [string, string?];
    const [first, last] = [names.indexOf(from), names.indexOf(to)];
    // fri-mon goes over the end of the week.
    const length = ((last - first + 7) % 7) + 1;
    return Array.from({ length }, (_, i) => names[(first + i) % 7]!);
  });
  return `${minute} ${hour} * * ${week.length === 0 ? '*' : [...new Set(week)].join(',')}`;
}
