import { setTimeout as sleep } from 'node:timers/promises';
import type { DescribeResponse } from '../../proto/gen/wiz/v1/executors_pb.js';
import { machineId } from '../../proto/machine-id.ts';
import { backoffMs } from '../dispatch/backoff.ts';
import { describeExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import type { ExecutorProcess } from '../store/executor-store.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { endLeftovers } from './leftovers.ts';
import { isSameProcess, processStart } from './process-identity.ts';

/**
 * Executors that somebody else started. One that does not answer may be on the other side of a broken network and still at
 * work: it is
 *   alive   it answers
 *   gone    it has not answered for its grace, or another executor answers in its place, or it ran on this machine and its
 *           process is dead; what its programs left behind here is ended then. One that a command was given is forgotten, a
 *           registration stays
 */
export interface Elsewhere {
  /** Settles which of the two it is. After `close` it is alive, as far as anybody knows. */
  inspect(row: ExecutorRow): Promise<'alive' | 'gone'>;
  close(): void;
}

export interface ElsewhereOptions {
  store: Pick<Store, 'removeExecutor'>;
  /** Milliseconds that an executor may be away before it is gone; 30,000 by default. */
  graceMs?: number | undefined;
  /** Milliseconds for one answer; 5,000 by default. */
  answerMs?: number | undefined;
}

export const DEFAULT_GRACE_MS = 30_000;

const BACKOFF = { firstMs: 50, lastMs: 2000 };

export function createElsewhere(options: ElsewhereOptions): Elsewhere {
  const { store, graceMs = DEFAULT_GRACE_MS, answerMs = 5000 } = options;
  const closing = new AbortController();

  async function settle(row: ExecutorRow): Promise<'alive' | 'gone'> {
    const deadline = performance.now() + graceMs;
    for (let tries = 1; ; tries += 1) {
      if (await isDeadHere(row)) return 'gone';
      const timeoutMs = Math.max(1, Math.min(answerMs, deadline - performance.now()));
      const answer = await describeExecutor({ ...dialOf(row), timeoutMs }).catch(() => undefined);
      if (answer?.executorId === row.executorId) return 'alive';
      if (closing.signal.aborted) return 'alive';
      const waitMs = backoffMs(BACKOFF, tries);
      if (answer !== undefined || performance.now() + waitMs > deadline) return 'gone';
      await sleep(waitMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  return {
    async inspect(row) {
      const verdict = await settle(row);
      if (verdict === 'gone' && row.launcher === 'remote') await store.removeExecutor(row.executorId);
      return verdict;
    },
    close: () => closing.abort(),
  };
}

/** It ran on this machine, and is dead: what its programs left is gone then. */
async function isDeadHere({ executorId, machine, pid, pidStart }: ExecutorRow): Promise<boolean> {
  if (machine !== machineId() || pidStart === 0 || isSameProcess(pid, pidStart)) return false;
  await endLeftovers(executorId);
  return true;
}

/** What an executor says about its process. */
export function processOf(answer: DescribeResponse): ExecutorProcess {
  const { executorId, hostname, machine, pid, version, slots, startedUnixMs } = answer;
  // Elsewhere the pid is no process of ours.
  const pidStart = machine === machineId() ? processStart(pid) : 0;
  return { executorId, hostname, machine, pid, pidStart, version, slots, startedMs: startedUnixMs };
}
