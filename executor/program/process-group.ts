import fs from 'node:fs';

export function killGroup(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Gone already, or of another user now: nothing that could be done about it.
  }
}

/** Processes whose parent this one is, adopted orphans included; empty where the kernel does not list them. */
export function childProcesses(): number[] {
  const tasks = '/proc/self/task';
  const pids: number[] = [];
  try {
    for (const task of fs.readdirSync(tasks)) {
      pids.push(
        ...fs.readFileSync(`${tasks}/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
      );
    }
  } catch {
    return pids;
  }
  return pids;
}
