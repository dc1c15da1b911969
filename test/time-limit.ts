import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds between looks. */
const LOOK_MS = 5_000;

/**
 * Kills the process of a test file that has not ended after `limitMs`: `timeout` of node:test does not end one whose tests are
 * over and that a forgotten server keeps alive. Such a file fails. Returns how to call it off. Needs /proc.
 */
export function limitFiles(limitMs: number, tell: (line: string) => void): () => void {
  const since = new Map<number, number>();
  const timer = setInterval(() => {
    const running = childrenOf(process.pid);
    for (const pid of since.keys()) if (!running.includes(pid)) since.delete(pid);
    for (const pid of running) {
      const start = since.get(pid);
      if (start === undefined) since.set(pid, performance.now());
      else if (performance.now() - start > limitMs) {
        tell(`killed after ${limitMs / 1000} s: ${commandOf(pid)}`);
        process.kill(pid, 'SIGKILL');
        since.delete(pid);
      }
    }
  }, LOOK_MS).unref();
  return () => clearInterval(timer);
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

/** The fields after the name, which may hold anything: state, parent. */
function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.find((word) => word.endsWith('.test.ts')) ?? words.join(' ');
  } catch {
    return `${pid}`;
  }
}
