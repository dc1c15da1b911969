import { readFileSync } from 'node:fs';

/**
 * A process is named by its pid and the time it started, as pids are used again. Linux tells the start in
 * clock ticks since boot; elsewhere it is 0, unknown, and the pid alone has to do.
 */

/** Start of a living process in clock ticks since boot; 0 when it is unknown. */
export function processStart(pid: number): number {
  return readStat(pid)?.start ?? 0;
}

/** Whether the process that had this pid and start still lives. A zombie does not: nothing of it runs, and
 *  where nobody reaps it, it stays for ever. */
export function isSameProcess(pid: number, start: number): boolean {
  if (pid <= 0) return false;
  if (process.platform !== 'linux') return exists(pid);
  const stat = readStat(pid);
  if (!stat || stat.state === 'Z' || stat.state === 'X') return false;
  return start === 0 || stat.start === start;
}

function readStat(pid: number): { state: string; start: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold spaces and parentheses itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, start: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
