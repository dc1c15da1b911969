import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a test's place, by what they are. Needs /proc. */
export interface Victims {
  /** wiz commands that run, background managers not among them. */
  commands: number[];
  backgrounds: number[];
  executors: number[];
  spawners: number[];
  /** Programs of attempts, and what they started. */
  programs: number[];
}

export function victimsOf(folder: string): Victims {
  const victims: Victims = { commands: [], backgrounds: [], executors: [], spawners: [], programs: [] };
  const others: number[] = [];
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    const environment = read(pid, 'environ').split('\0');
    const command = read(pid, 'cmdline').split('\0');
    if (command[0] === '' || stateOf(pid) === 'Z') continue;
    if (!environment.includes(`PLACE_OF_TEST=${folder}`)) others.push(pid);
    else if (environment.some((entry) => entry.startsWith('WIZ_ATTEMPT='))) victims.programs.push(pid);
    else if (command.includes('--listen')) victims.executors.push(pid);
    else if (command.includes('manager-background')) victims.backgrounds.push(pid);
    else if (command.some((word) => word.endsWith('wiz.js'))) victims.commands.push(pid);
  }
  // A spawner inherits nothing: it is known by its parent.
  victims.spawners = others.filter((pid) => victims.executors.includes(parentOf(pid)));
  return victims;
}

export function kill(pids: number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself just now.
    }
  }
}

/** Most memory a process has had so far; bytes, 0 when it is gone. */
export function peakMemory(pid: number): number {
  return Number(/VmHWM:\s*(\d+) kB/.exec(read(pid, 'status'))?.[1] ?? 0) * 1024;
}

function stateOf(pid: number): string {
  return afterName(pid)[0] ?? '';
}

function parentOf(pid: number): number {
  return Number(afterName(pid)[1]);
}

function afterName(pid: number): string[] {
  const stat = read(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty when the process is gone or another user's. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
