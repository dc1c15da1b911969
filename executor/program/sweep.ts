import fs from 'node:fs';
import { parseInstanceName } from '../../proto/instance-name.ts';

/**
 * Finds and kills processes by the WIZ_ names in their environment: those that left their program's process
 * group (setsid) and those whose executor died. Linux only; elsewhere nothing is found.
 *
 * A process that was started with an emptied environment is not found here. While its spawner lives it is
 * the spawner's child, and ends with it.
 */

export interface AttemptIdentity {
  runId: string;
  processor: string;
  attempt: number;
}

/** A process that forks meanwhile is met in the next round. */
const ROUNDS = 20;
const ROUND_GAP_MS = 10;
/** Attempts that end together are swept together: one look at all processes takes some milliseconds. */
const COLLECT_MS = 5;

/**
 * Ends whatever programs of executors that are gone have left on this machine. For `wiz executor` at its
 * start, with the ids of executors that were found dead. Resolves with the ids of the processes that were
 * killed, once none is left (or after 200 ms of trying).
 */
export function sweepLeftovers(executorIds: readonly string[]): Promise<number[]> {
  return killAll(executorIds.map((id) => [`WIZ_EXECUTOR_ID=${id}`]));
}

/** For one living executor: kills what is left of single attempts. */
export function createAttemptSweeper(executorId: string): (attempt: AttemptIdentity) => Promise<void> {
  let collecting: Promise<void> | undefined;
  let wanted: string[][] = [];

  return function sweep({ runId, processor, attempt }) {
    const name = parseInstanceName(processor);
    const entries = [
      `WIZ_EXECUTOR_ID=${executorId}`,
      `WIZ_RUN_ID=${runId}`,
      `WIZ_PROCESSOR=${name?.processor ?? processor}`,
      `WIZ_ATTEMPT=${attempt}`,
    ];
    if (name?.index !== undefined) entries.push(`WIZ_INDEX=${name.index}`);
    wanted.push(entries);
    collecting ??= delay(COLLECT_MS).then(async () => {
      const batch = wanted;
      wanted = [];
      collecting = undefined;
      await killAll(batch);
    });
    return collecting;
  };
}

/** Kills every process whose environment has all entries of one of the sets. */
async function killAll(sets: string[][]): Promise<number[]> {
  const killed = new Set<number>();
  if (sets.length === 0) return [];
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await delay(ROUND_GAP_MS);
    const found = processesWith(sets);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended by itself meanwhile.
      }
    }
  }
  return [...killed];
}

function processesWith(sets: string[][]): number[] {
  let names: string[];
  try {
    names = fs.readdirSync('/proc');
  } catch {
    return [];
  }
  const found: number[] = [];
  for (const name of names) {
    const pid = Number(name);
    // An executor started from within a program carries that program's names.
    if (!(pid > 1) || pid === process.pid || pid === process.ppid) continue;
    const entries = environmentOf(name);
    if (entries === undefined) continue;
    if (sets.some((set) => set.every((entry) => entries.includes(`\0${entry}\0`)))) found.push(pid);
  }
  return found;
}

function environmentOf(pid: string): string | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
    return text.includes('WIZ_EXECUTOR_ID=') ? `\0${text}\0` : undefined;
  } catch {
    return undefined; // of another user, or gone
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
