import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { WizError } from '../../proto/error.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { ListStagingRequest, StagingFolder } from '../../proto/gen/wiz/v1/runs_pb.js';
import { stagingFolder } from '../home.ts';
import type { Manager } from '../manager.ts';
import { removeFolder } from './remove-folder.ts';
import { findRun } from './run-service.ts';

/**
 * The staging folders of a run on this machine: STAGING/RUN/EXECUTOR. A name that starts with a point is a folder that is
 * being removed. With `remove` they are told as they were.
 */
export async function listStaging(
  manager: Manager,
  { runId, remove }: ListStagingRequest,
): Promise<StagingFolder[]> {
  const run = await findRun(manager, runId);
  if (remove && run.state === RunState.RUNNING) {
    throw new WizError(
      'failed_precondition',
      `Run ${run.runId} goes on and works in its staging folders. Wait for its end, or cancel it, before you remove them.`,
    );
  }
  const folder = join(stagingFolder(manager.home), run.runId);
  const executors = (await readdir(folder).catch(ignoreMissing)) ?? [];
  const folders: StagingFolder[] = [];
  for (const executorId of executors.filter((name) => !name.startsWith('.')).sort()) {
    const path = join(folder, executorId);
    folders.push({ $typeName: 'wiz.v1.StagingFolder', executorId, path, bytes: await bytesBelow(path) });
  }
  if (remove) await removeFolder(folder);
  return folders;
}

/** Bytes of all files in a folder; what disappears meanwhile, or cannot be read, is not counted. Links are not
 *  followed. */
export async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) bytes += await bytesBelow(path);
    else bytes += (await lstat(path).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
