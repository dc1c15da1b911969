import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** An environment variable that every process started below a test inherits, however far it detaches. */
export interface Mark {
  environment: { WIZ_TEST_ID: string };
}

export function newMark(): Mark {
  return { environment: { WIZ_TEST_ID: randomBytes(8).toString('hex') } };
}

/**
 * Waits up to `graceMs` for processes with the mark to end, kills those that do not, and returns a line about
 * each of these. Needs /proc; elsewhere it finds nothing.
 */
export async function endMarkedProcesses(mark: Mark, graceMs: number): Promise<string[]> {
  const deadline = Date.now() + graceMs;
  while (markedPids(mark).length > 0 && Date.now() < deadline) await sleep(50);
  const described: string[] = [];
  // Again and again, because what is killed may have been starting another.
  for (let pids = markedPids(mark); pids.length > 0; pids = markedPids(mark)) {
    for (const pid of pids) {
      const line = describe(pid);
      try {
        process.kill(pid, 'SIGKILL');
        if (line) described.push(line);
      } catch {
        // It ended by itself just now.
      }
    }
    await sleep(20);
  }
  return described;
}

function markedPids(mark: Mark): number[] {
  const entry = `WIZ_TEST_ID=${mark.environment.WIZ_TEST_ID}`;
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => read(`/proc/${name}/environ`).split('\0').includes(entry))
    .map(Number);
}

function describe(pid: number): string {
  const command = read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim().slice(0, 300);
  let folder = '';
  try {
    folder = readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It ended by itself just now.
  }
  return command ? `${pid} in ${folder}: ${command}` : '';
}

/** Empty when the process is gone, a zombie, or another user's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
