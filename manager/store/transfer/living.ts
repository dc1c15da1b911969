import { setTimeout as sleep } from 'node:timers/promises';
import { WizError } from '../../../proto/error.ts';
import { machineId } from '../../../proto/machine-id.ts';
import { isSameProcess } from '../../launch/process-identity.ts';
import { createLiveness } from '../../liveness.ts';
import { HEARTBEAT_MS } from '../../ownership.ts';
import type { ManagerRow } from '../store.ts';

/** Milliseconds between looks. */
const LOOK_MS = 500;

/**
 * Throws when a manager works on a store. One of this machine is known by its process; of others it is seen within some
 * seconds whether their hearts beat.
 */
export async function refuseLiving(
  place: string,
  listManagers: () => Promise<ManagerRow[]>,
  advice: string,
): Promise<void> {
  const machine = machineId();
  const liveness = createLiveness({
    managerId: '',
    machine,
    heartbeatMs: HEARTBEAT_MS,
    steady: () => performance.now(),
    clock: Date.now,
    isProcess: isSameProcess,
  });
  const beats = new Map<string, number>();
  for (;;) {
    const rows = await listManagers();
    const dead = new Set(liveness.deadOf(rows));
    const others = rows.filter((row) => !dead.has(row));
    if (others.length === 0) return;
    const living = others.find((row) => row.machine === machine || hasBeaten(row));
    if (living !== undefined) {
      const { kind, pid, hostname } = living;
      const name = kind === 'daemon' ? 'a daemon' : 'a manager';
      throw new WizError(
        'failed_precondition',
        `${place} is used by ${name} (process ${pid} of ${hostname}): ${advice}.`,
      );
    }
    await sleep(LOOK_MS);
  }

  function hasBeaten({ managerId, heartbeatMs }: ManagerRow): boolean {
    const before = beats.get(managerId);
    beats.set(managerId, before ?? heartbeatMs);
    return before !== undefined && before !== heartbeatMs;
  }
}
