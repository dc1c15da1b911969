import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How processes that tests started are known, however far they detach: by an environment variable that they
 * inherit, or by the tests' folder in their environment, working folder or arguments.
 */
export interface Mark {
  /** Does not begin with WIZ_, because executors keep such variables from programs. */
  environment: { TESTS_OF_WIZ: string };
  folder: string;
}

export function newMark(folder: string): Mark {
  return { environment: { TESTS_OF_WIZ: randomBytes(8).toString('hex') }, folder };
}

/**
 * Waits up to `graceMs` for processes with the mark to end, kills those that do not, and returns a line about
 * each of these. Needs /proc; elsewhere it finds nothing.
 */
export async function endMarkedProcesses(mark: Mark, graceMs: number): Promise<string[]> {
  const deadline = Date.now() + graceMs;
  while (markedPids(mark).length > 0 && Date.now() < deadline) await sleep(50);
  // By process, as a killed one may still be seen at the next look.
  const described = new Map<number, string>();
  // Again and again, because what is killed may have been starting another.
  for (let pids = markedPids(mark); pids.length > 0; pids = markedPids(mark)) {
    for (const pid of pids) {
      const line = describe(pid);
      try {
        process.kill(pid, 'SIGKILL');
        if (line && !described.has(pid)) described.set(pid, line);
      } catch {
        // It ended by itself just now.
      }
    }
    await sleep(20);
  }
  return [...described.values()];
}

function markedPids({ environment, folder }: Mark): number[] {
  const entry = `TESTS_OF_WIZ=${environment.TESTS_OF_WIZ}`;
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      const inherited = read(`/proc/${name}/environ`);
      return (
        inherited.split('\0').includes(entry) ||
        inherited.includes(folder) ||
        read(`/proc/${name}/cmdline`).includes(folder) ||
        workingFolder(name).startsWith(folder)
      );
    })
    .map(Number);
}

function describe(pid: number): string {
  const command = read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim().slice(0, 300);
  return command ? `${pid} in ${workingFolder(pid)}: ${command}` : '';
}

function workingFolder(pid: number | string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Empty when the process is gone, a zombie, or another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
