import { existsSync, readFileSync } from 'node:fs';
import { until } from './place.ts';

/** The process id that a program writes to a file (whole: it moves it there); waits for it. */
export async function pidIn(file: string): Promise<number> {
  await until(`${file} is written`, () => existsSync(file) && /^\d+\n$/.test(readFileSync(file, 'utf8')));
  return Number(readFileSync(file, 'utf8'));
}

/** Whether a process is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/s.test(readFileSync(stat, 'utf8'));
}

/** The most programs at once by what they wrote: + when they started, - before they ended. */
export function peakOf(log: string): number {
  let now = 0;
  let peak = 0;
  for (const sign of log.replace(/[^+-]/g, '')) {
    now += sign === '+' ? 1 : -1;
    peak = Math.max(peak, now);
  }
  return peak;
}
