import type { Loop } from './engine/loop.ts';
import type { Manager } from './manager.ts';

/** How many attempts run on which executor, over all managers: each knows its own, and tells them with its heartbeats. */

/** Of one manager; executors without any are left out. */
export function loadsOf(loop: Loop): Record<string, number> {
  const loads: Record<string, number> = {};
  for (const { executorId, program, call } of loop.executors.values()) {
    if (program + call > 0) loads[executorId] = program + call;
  }
  return loads;
}

/** Of all living managers: those of this one as they are, of others as of their last heartbeat. */
export function allLoads({ managerId, loop, membership }: Manager): Map<string, number> {
  const sums = new Map<string, number>();
  for (const peer of membership.peers) {
    const loads = peer.managerId === managerId ? loadsOf(loop) : peer.loads;
    for (const [executorId, count] of Object.entries(loads)) {
      sums.set(executorId, (sums.get(executorId) ?? 0) + count);
    }
  }
  return sums;
}
