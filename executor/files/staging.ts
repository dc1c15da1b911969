import fs from 'node:fs';
import path from 'node:path';
import { parseInstanceName } from '../../proto/instance-name.ts';
import { AttemptFailure } from '../data/attempt-failure.ts';
import { removeTree } from './places.ts';

/**
 * The folders in which runs work on this executor: FOLDER/RUN/EXECUTOR_ID, for their owner alone. One is
 *   absent    until an attempt of the run needs it, and again after the run has ended
 *   there     while the run goes on
 *   kept      the run has ended and somebody wants to look at it; a later attempt finds it as it was
 */
export interface Staging {
  /** Makes the folder when it is missing. */
  of(runId: string): string;
  /** The run has ended. Resolves when what is to go is gone. */
  end(runId: string, keep: boolean): Promise<void>;
  /** Removes all that is left when the folder is the executor's own. */
  close(): Promise<void>;
}

export interface StagingOptions {
  /** Absolute. */
  folder: string;
  executorId: string;
  /** The executor's own folder: it goes with the executor. Otherwise whoever gave it clears it up. */
  own: boolean;
  /** A folder is not what it was any more. */
  gone(staging: string): void;
}

export function createStaging({ folder, executorId, own, gone }: StagingOptions): Staging {
  const made = new Map<string, string>();
  let removals = 0;

  async function remove(runId: string): Promise<void> {
    const run = path.join(folder, runId);
    // Out of the way at once, so that an attempt that comes meanwhile has a new one.
    const leaving = path.join(run, `.${executorId}-${process.pid}-${++removals}`);
    try {
      fs.renameSync(path.join(run, executorId), leaving);
    } catch {
      return; // nothing there
    }
    await removeTree(leaving);
    await fs.promises.rmdir(run).catch(() => {}); // other executors may have theirs in it
  }

  function folderOf(runId: string): string {
    // An id of a run has no slashes either way; this one comes from outside.
    if (parseInstanceName(runId) !== undefined) return path.join(folder, runId, executorId);
    throw new AttemptFailure('bad-options', `${JSON.stringify(runId)} cannot be the id of a run`);
  }

  return {
    of(runId) {
      const known = made.get(runId);
      if (known !== undefined) return known;
      const staging = folderOf(runId);
      fs.mkdirSync(staging, { recursive: true, mode: 0o700 });
      made.set(runId, staging);
      return staging;
    },
    async end(runId, keep) {
      const staging = folderOf(runId);
      made.delete(runId);
      gone(staging);
      if (!keep) await remove(runId);
    },
    async close() {
      if (own) await removeTree(folder);
    },
  };
}
