import type { ManagerRow } from './store/store.ts';

/**
 * Which managers live, as one of them sees it.
 *
 * Clocks are set, and those of two machines differ, so no time that another one wrote is compared with the time here. A
 * manager is *silent* while its row does not change from look to look, by the steady clock of who looks, and dead after
 * as many milliseconds as it promised. A look counts for two heartbeats at most: whoever stood still itself does not take
 * that for the silence of others. On the same machine a process that is gone is seen at once.
 *
 * Only a row that is long out of date when it is first seen counts as silent before: it needs a few heartbeats more.
 */
export interface Liveness {
  /** The rows of those that are dead. */
  deadOf(rows: ManagerRow[]): ManagerRow[];
}

export interface LivenessGround {
  managerId: string;
  machine: string;
  heartbeatMs: number;
  /** Milliseconds that never go back. */
  steady(): number;
  /** Milliseconds since 1970. */
  clock(): number;
  isProcess(pid: number, pidStart: number): boolean;
}

/** Heartbeats that a manager is given whose row was out of date at first sight. */
const FIRST_SIGHT = 3;

export function createLiveness(ground: LivenessGround): Liveness {
  const { managerId, machine, heartbeatMs, steady, clock, isProcess } = ground;
  const seen = new Map<string, { beat: number; silentMs: number }>();
  let lastMs = steady();

  function isDead(row: ManagerRow, elapsedMs: number): boolean {
    if (row.machine === machine && !isProcess(row.pid, row.pidStart)) return true;
    const promisedMs = row.expiresMs - row.heartbeatMs;
    const known = seen.get(row.managerId);
    if (known === undefined) {
      const silentMs = row.expiresMs <= clock() ? promisedMs - FIRST_SIGHT * heartbeatMs : 0;
      seen.set(row.managerId, { beat: row.heartbeatMs, silentMs });
      return false;
    }
    known.silentMs = known.beat === row.heartbeatMs ? known.silentMs + elapsedMs : 0;
    known.beat = row.heartbeatMs;
    return known.silentMs >= promisedMs;
  }

  return {
    deadOf(rows) {
      const nowMs = steady();
      const elapsedMs = Math.min(nowMs - lastMs, 2 * heartbeatMs);
      lastMs = nowMs;
      const dead = rows.filter((row) => row.managerId !== managerId && isDead(row, elapsedMs));
      const there = new Set(rows.map((row) => row.managerId));
      for (const id of seen.keys()) if (!there.has(id)) seen.delete(id);
      return dead;
    },
  };
}
