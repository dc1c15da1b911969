/** Ticks of an axis of time: at round times, as many as have room for what is written at them. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds between ticks that people find round. */
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * DAY),
];

/** Columns from one tick to the next, at least. */
const TICK_COLUMNS = 10;

export interface Tick {
  /** From the beginning of the axis. */
  atMs: number;
  label: string;
}

export function axisTicks(lengthMs: number, columns: number): Tick[] {
  const least = (lengthMs * TICK_COLUMNS) / columns;
  const step = STEPS.find((one) => one >= least) ?? Math.ceil(least / STEPS.at(-1)!) * STEPS.at(-1)!;
  const ticks: Tick[] = [];
  for (let atMs = 0; atMs <= lengthMs; atMs += step) ticks.push({ atMs, label: tickLabel(atMs, step) });
  return ticks;
}

/** 0s, 0.25s, 90s as 1m30s, 1h05m, 2d06h: with as much as the step needs. */
export function tickLabel(ms: number, step: number): string {
  if (ms === 0) return '0s';
  if (step < SECOND) return `${(ms / SECOND).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)}s`;
  const parts: [number, string][] = [
    [Math.floor(ms / DAY), 'd'],
    [Math.floor(ms / HOUR) % 24, 'h'],
    [Math.floor(ms / MINUTE) % 60, 'm'],
    [Math.floor(ms / SECOND) % 60, 's'],
  ];
  while (parts[0]![0] === 0) parts.shift();
  while (parts.at(-1)![0] === 0) parts.pop();
  return parts.map(([n, unit], index) => `${index === 0 ? n : String(n).padStart(2, '0')}${unit}`).join('');
}
