import type { Loop } from '../engine/loop.ts';
import type { Log } from '../observe/log.ts';
import type { SessionHandlers } from './session.ts';

/** What becomes of attempts that an executor would not take. */
export function createTakeRefusals({
  loop,
  log,
}: {
  loop: Pick<Loop, 'drop' | 'refused'>;
  log: Log;
}): SessionHandlers['refusals'] {
  return (executorId, refusals) => {
    for (const { runId, processor, attempt, reason, currentEpoch } of refusals) {
      const about = { executor: executorId, run: runId, ...(processor !== '' && { processor, attempt }) };
      log.warn('an executor refused an attempt', { ...about, reason });
      // A newer owner has the run. Its attempts must not take room here until a commit, if any, is fenced.
      if (reason === 'stale-epoch') loop.drop(runId, currentEpoch);
      else if (reason !== 'duplicate') {
        const message = `The executor refused it: ${reason}.`;
        loop.refused(executorId, runId, { processor, attempt }, message, reason === 'draining');
      }
    }
  };
}
