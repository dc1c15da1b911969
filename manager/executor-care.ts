import type { Fleet } from './dispatch/fleet.ts';
import type { Loop } from './engine/loop.ts';
import type { ManagerRow } from './store/store.ts';

/** When a manager looks at the executors of the store: at each heartbeat, and soon after something has changed. */
export interface ExecutorCare {
  look(): Promise<void>;
  soon(): void;
  close(): void;
}

export interface ExecutorCareOptions {
  kind: ManagerRow['kind'];
  roles: ManagerRow['roles'];
  loop: Pick<Loop, 'runs'>;
  fleet: Pick<Fleet, 'refresh'>;
  failed(error: Error): void;
}

/** Milliseconds: under load the store changes all the time. */
const SOON_MS = 200;

export function createExecutorCare({ kind, roles, loop, fleet, failed }: ExecutorCareOptions): ExecutorCare {
  const serves = kind === 'daemon' && roles.includes('runs');
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** A command without runs calls no executor that it does not need. */
  async function look(): Promise<void> {
    if (!closed && (serves || loop.runs.size > 0)) await fleet.refresh();
  }

  return {
    look,
    soon() {
      timer ??= setTimeout(() => {
        timer = undefined;
        look().catch(failed);
      }, SOON_MS).unref();
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
