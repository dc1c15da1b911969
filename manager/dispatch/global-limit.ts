import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Placement } from '../engine/assignment.ts';
import { forEachRunning, type RunMachine } from '../engine/run.ts';
import type { LimitChanges, Store } from '../store/store.ts';

/** The lease key that attempts of every manager of a store share. */
const KEY = 'global';

/**
 * The limit over all managers of a store, on lease rows. A permit is reserved first, under a name of this
 * manager's, in a transaction of its own; the commit that starts the attempt exchanges it for a row that
 * belongs to the attempt, so that the limit holds through the death of the manager. Permits that were not
 * needed are given back with the next commit or reservation; those of a manager that died with it.
 */
export interface GlobalLimit {
  /** Up to `wanted` permits; fewer, or none, when the limit is reached. */
  reserve(wanted: number): Promise<number>;
  assigned(placements: Placement[]): void;
  /** Rows that a commit of these events takes and gives back. */
  changes(runs: { run: RunMachine; events: Event[] }[]): LimitChanges;
  /** That commit holds. */
  committed(): void;
  /** This manager was taken for dead: what it had reserved is others'. */
  rejoined(): void;
  /** Brings the rows of a run that was taken over in line with the attempts that run. */
  repair(run: RunMachine): Promise<void>;
}

export function createGlobalLimit(store: Store, managerId: string, max: number): GlobalLimit {
  const reserved: string[] = [];
  /** Given to an attempt whose start is not committed yet. */
  const exchanged: string[] = [];
  let counter = 0;

  async function reserve(wanted: number): Promise<number> {
    const count = Math.min(wanted, max);
    while (reserved.length < count) {
      const holders = (await store.listLeases('limit')).filter((lease) => lease.key === KEY).length;
      const free = Math.min(count - reserved.length, max - holders);
      if (free <= 0) break;
      const names = Array.from({ length: free }, () => `${managerId}#${counter++}`);
      const acquire = names.map((holder) => ({ key: KEY, holder, runId: '' }));
      const { exceeded } = await store.commit([], { acquire, release: [], max: { [KEY]: max } });
      if (exceeded.length === 0) reserved.push(...names);
    }
    return reserved.length;
  }

  return {
    async reserve(wanted) {
      const count = await reserve(wanted);
      if (count > wanted) await giveBack(store, reserved.splice(wanted));
      return Math.min(count, wanted);
    },
    assigned(placements) {
      // The rows of the attempts replace these in the commit that follows.
      exchanged.push(...reserved.splice(0, placements.length));
    },
    changes(runs) {
      const changes: LimitChanges = { acquire: [], release: [], max: { [KEY]: max } };
      changes.release = exchanged.map((holder) => ({ key: KEY, holder }));
      for (const { run, events } of runs) {
        for (const { event } of events) {
          if (event.case === 'attemptStarted') {
            const { processor, attempt } = event.value;
            changes.acquire.push({
              key: KEY,
              holder: `${run.runId}/${processor}/${attempt}`,
              runId: run.runId,
            });
          } else if (event.case === 'attemptEnded') {
            const { processor, attempt } = event.value.report!;
            changes.release.push({ key: KEY, holder: `${run.runId}/${processor}/${attempt}` });
          }
        }
      }
      return changes;
    },
    committed: () => void exchanged.splice(0),
    rejoined: () => void reserved.splice(0),
    async repair(run) {
      const running = new Set<string>();
      forEachRunning(run, ({ name, attempt }) => running.add(`${run.runId}/${name}/${attempt}`));
      const rows = (await store.listLeases('limit')).filter(({ holder }) =>
        holder.startsWith(`${run.runId}/`),
      );
      await giveBack(
        store,
        rows.map(({ holder }) => holder).filter((holder) => !running.has(holder)),
      );
    },
  };
}

async function giveBack(store: Store, holders: string[]): Promise<void> {
  if (holders.length === 0) return;
  await store.commit([], { acquire: [], release: holders.map((holder) => ({ key: KEY, holder })), max: {} });
}
