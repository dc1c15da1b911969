import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, processStart } from './process-identity.ts';

/** What an executor and all that it starts carry in their environment, so that it can be found again. */
export const EXECUTOR_ID_VARIABLE = 'WIZ_EXECUTOR_ID';

/** Milliseconds: a process that was killed is gone within a few, unless it waits for a disk or a network
 *  file system, and then nothing here can end it. */
const DEADLINE_MS = 5000;
const POLL_MS = 5;

/**
 * Kills what a dead executor left behind, and waits until it is gone: every process, but this one, whose
 * environment names the executor; a program that cleared its environment is not found. Linux only: elsewhere
 * an environment cannot be read, and nothing is done.
 *
 * Returns the pids that would not end within five seconds.
 */
export async function endLeftovers(executorId: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const killed = new Map<number, number>();
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    // Looked for again each time: one may have started another before it was killed.
    for (const pid of findLeftovers(executorId)) {
      killed.set(pid, processStart(pid));
      kill(pid);
    }
    const living = [...killed].filter(([pid, start]) => isSameProcess(pid, start)).map(([pid]) => pid);
    if (living.length === 0 || performance.now() > deadline) return living;
    await sleep(POLL_MS);
  }
}

/** Pids of processes, but this one, whose environment names the executor. */
export function findLeftovers(executorId: string): number[] {
  if (process.platform !== 'linux') return [];
  const wanted = Buffer.from(`\0${EXECUTOR_ID_VARIABLE}=${executorId}\0`);
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => pid !== process.pid && environmentOf(pid).includes(wanted));
}

/** Each variable between zero bytes; empty when it is a zombie's, a kernel thread's, or another user's. */
function environmentOf(pid: number): Buffer {
  try {
    return Buffer.concat([Buffer.of(0), readFileSync(`/proc/${pid}/environ`)]);
  } catch {
    return Buffer.alloc(0);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
