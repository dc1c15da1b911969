import { hostname } from 'node:os';
import { isSameProcess, processStart } from './launch/process-identity.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** Milliseconds between heartbeats. */
export const HEARTBEAT_MS = 1000;
/** Milliseconds after its last heartbeat at which a manager counts as dead. On the same machine a dead process is
 *  seen at once; this is for one that hangs. A tick over 100,000 processors blocks for about a second. */
export const MANAGER_TTL_MS = 15_000;

/** This process as a manager of the store. */
export interface Membership {
  readonly managerId: string;
  /** Ids of managers that live: their heartbeat is fresh and, on this machine, so is their process. Those that
   *  do not are removed, which frees what they held. */
  living(): Promise<string[]>;
  leave(): Promise<void>;
}

export async function joinManagers(
  store: Store,
  managerId: string,
  kind: ManagerRow['kind'],
  onBeat: () => void,
): Promise<Membership> {
  const row: ManagerRow = {
    managerId,
    kind,
    pid: process.pid,
    pidStart: processStart(process.pid),
    hostname: hostname(),
    startedMs: Date.now(),
    heartbeatMs: 0,
    expiresMs: 0,
  };
  const beat = async () => {
    row.heartbeatMs = Date.now();
    row.expiresMs = row.heartbeatMs + MANAGER_TTL_MS;
    await store.heartbeat(row);
  };
  await beat();
  const timer = setInterval(() => {
    // A store that is full for a while must not end the manager: the loop reports it.
    beat().then(onBeat, () => {});
  }, HEARTBEAT_MS).unref();

  return {
    managerId,
    async living() {
      const rows = await store.listManagers();
      const dead = rows.filter((other) => other.managerId !== managerId && !lives(other));
      for (const other of dead) await store.removeManager(other.managerId);
      return rows.filter((other) => !dead.includes(other)).map((other) => other.managerId);
    },
    async leave() {
      clearInterval(timer);
      await store.removeManager(managerId);
    },
  };
}

export function lives(row: ManagerRow): boolean {
  if (row.expiresMs <= Date.now()) return false;
  return row.hostname !== hostname() || isSameProcess(row.pid, row.pidStart);
}
