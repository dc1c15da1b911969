/** Milliseconds in each unit, largest first: the order in which they are written. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** The longest delay a timer of the platform keeps (2^31 - 1 ms); a longer one would fire at once. */
export const MAX_DURATION_MS = 2_147_483_647;

/** Matches what `parseDuration` reads: `10s`, `1m30s`, `500ms`, `2h`, `1.5h`. Each unit at most once, largest first. */
export const DURATION_PATTERN =
  /^(?=\d)(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m(?!s))?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?$/;

/** Milliseconds, rounded to whole ones; undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|[dhms])/g)) {
    total += Number(amount) * UNITS.find(([name]) => name === unit)![1];
  }
  return Math.round(total);
}

/** The shortest form that `parseDuration` reads back to the same number of milliseconds. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = '';
  for (const [unit, size] of UNITS) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text || '0s';
}
