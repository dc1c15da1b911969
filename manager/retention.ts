import { setTimeout as sleep } from 'node:timers/promises';
import type { Background } from './background.ts';
import type { Term } from './centre.ts';
import type { Manager } from './manager.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** How many of the newest runs of a pipeline are kept, and for how many days others are; 0 is no limit. With both a run
 *  must be outside of both to go. */
export interface RetentionPolicy {
  keepRuns: number;
  keepDays: number;
}

/** The lease that says when a store was pruned by itself: it expires when that is due again. */
export const PRUNE_LEASE = { kind: 'prune', key: 'automatic' } as const;
/** Milliseconds after which a manager that could not prune tries again. */
const RETRY_MS = 3_600_000;

/** Milliseconds between looks whether it is due. */
const LOOK_MS = 60_000;

/** Prunes when that is due; with the epoch of a term of the centre, only while that lasts. */
export type Retention = (centreEpoch?: number) => Promise<void>;

/**
 * Pruning by itself, once a day over all managers of a store. Where there are daemons their centre does it; else the
 * background manager, in a process of its own, so that no command takes longer for it: others only see to it that one is
 * there. Undefined when nothing is ever pruned.
 */
export function createRetention(options: {
  policy: RetentionPolicy;
  kind: ManagerRow['kind'];
  store: Store;
  background: Background;
  manager: Manager;
}): Retention | undefined {
  const { policy, kind, store, background } = options;
  if (policy.keepRuns === 0 && policy.keepDays === 0) return undefined;
  let notBeforeMs = 0;
  return async (centreEpoch) => {
    const nowMs = Date.now();
    if (nowMs < notBeforeMs || (await wasDone(store, nowMs))) return;
    notBeforeMs = nowMs + RETRY_MS;
    if (kind === 'cli') return background.ensure();
    const { autoPrune } = await import('./api/prune.ts');
    await autoPrune(options.manager, policy, centreEpoch);
  };
}

/** The part of the centre. */
export async function pruneAsCentre(
  retention: Retention,
  { epoch, signal }: Term,
  note: (message: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    await retention(epoch).catch((error) => note(`runs were not pruned: ${error.message}`));
    await sleep(LOOK_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}

async function wasDone(store: Store, nowMs: number): Promise<boolean> {
  const leases = await store.listLeases(PRUNE_LEASE.kind);
  return leases.some(({ key, expiresMs }) => key === PRUNE_LEASE.key && expiresMs > nowMs);
}
