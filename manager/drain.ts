import { machineId } from '../proto/machine-id.ts';
import { executorsOf } from './dispatch/placed.ts';
import type { Manager } from './manager.ts';
import type { ExecutorRow } from './store/store.ts';

/**
 * The way out of a daemon:
 *
 *   serving --told to end--> draining --runs given back--> empty --executors that idle end--> left
 *
 * Draining it answers callers, and starts nothing. Its attempts go on where they run: executors keep what they have to tell
 * until the next owner of the run calls, which is another manager at once, or the next start of this one.
 */
export async function drain(manager: Manager): Promise<void> {
  const { membership, centre, sharing, loop } = manager;
  await membership.tell({ draining: true });
  await centre?.leave();
  const busy = new Set([...loop.runs.values()].flatMap((run) => [...executorsOf(run)]));
  const joined = new Set(manager.fleet.joined());
  await sharing.giveAll();
  await endIdleExecutors(manager, joined.difference(busy));
}

/** Ends the local executors that nobody needs: none of this manager's attempts is there, and nobody else on this
 *  machine could have one. */
async function endIdleExecutors(manager: Manager, idle: ReadonlySet<string>): Promise<void> {
  const { membership, managerId, fleet, launcher, store } = manager;
  const machine = machineId();
  const others = (await membership.look()).filter((peer) => peer.managerId !== managerId);
  if (others.some((peer) => peer.machine === machine)) return;
  const isIdle = (row: ExecutorRow) =>
    row.launcher === 'local' && row.machine === machine && idle.has(row.executorId);
  const ended = (await store.listExecutors()).filter(isIdle);
  // Who is in session with one that ends would count it as lost.
  await fleet.flush(ended.map(({ executorId }) => executorId));
  await launcher.stop(ended, false);
}
