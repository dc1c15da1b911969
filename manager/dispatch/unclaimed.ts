import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunAttempts } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Loop } from '../engine/loop.ts';
import type { Log } from '../observe/log.ts';
import type { ExecutorSession } from './session.ts';

/**
 * What executors hold of runs that no session has named: after a network that was cut for longer than the grace of the
 * executor, attempts that were tried again elsewhere meanwhile; staging folders of runs that ended while it was away.
 *
 * A run that is here decides by itself. Of one that has ended everything goes. Of one that goes on under another
 * manager nothing is said, as that one is told too; and of one that this store does not know, another store may.
 */
export type SettleUnclaimed = (executorId: string, unclaimed: RunAttempts[]) => void;

export interface UnclaimedGround {
  loop: Pick<Loop, 'runs' | 'executorHolds'>;
  getRun(runId: string): Promise<{ state: RunState; epoch: number } | undefined>;
  /** Whether the staging folder of a run that ended is kept. */
  keepsStaging(runId: string): Promise<boolean>;
  send(executorId: string, batch: Parameters<ExecutorSession['send']>[0]): void;
  log: Log;
}

export function createSettleUnclaimed(ground: UnclaimedGround): SettleUnclaimed {
  const { loop } = ground;
  const asking = new Set<string>();

  async function settle(executorId: string, group: RunAttempts): Promise<void> {
    const { runId, attempts } = group;
    const row = await ground.getRun(runId);
    if (row === undefined || row.state === RunState.RUNNING || loop.runs.has(runId)) return;
    const { epoch } = row;
    const keepStaging = await ground.keepsStaging(runId);
    ground.send(executorId, {
      superseded: [{ runId, epoch, attempts }],
      endedRuns: [{ runId, epoch, keepStaging }],
    });
  }

  return (executorId, unclaimed) => {
    if (unclaimed.length > 0) loop.executorHolds(executorId, unclaimed);
    for (const group of unclaimed) {
      const key = `${executorId} ${group.runId}`;
      if (loop.runs.has(group.runId) || asking.has(key)) continue;
      asking.add(key);
      settle(executorId, group)
        .catch((error) =>
          ground.log.warn('what an executor has of a run was not settled', {
            executor: executorId,
            run: group.runId,
            error,
          }),
        )
        .finally(() => asking.delete(key));
    }
  };
}
