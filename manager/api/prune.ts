import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStoreError } from '../../files/file-store.ts';
import { treeChildren } from '../../files/tree-walk.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { PruneRunsRequest, PruneRunsResponse } from '../../proto/gen/wiz/v1/runs_pb.js';
import { ID_LENGTH, newId } from '../../proto/ids.ts';
import { stagingFolder } from '../home.ts';
import type { Manager } from '../manager.ts';
import { PRUNE_LEASE, type RetentionPolicy } from '../retention.ts';
import type { RunRow } from '../store/store.ts';
import { toldFileError } from './file-errors.ts';
import { removeFolder } from './remove-folder.ts';

/**
 * Retention: runs that ended go by a policy, whole; then what nothing refers to any more. First the store, then logs and
 * staging folders, then files, so that a pruning that is killed leaves only what the next one finds without an owner.
 *
 * A file is *referred to* while a run of the store has a link to it, or to a folder that holds it. A file that an attempt
 * has just left is in the file store before the journal refers to it: it is safe because it is younger than an hour,
 * and younger than the oldest run that goes on. What is collected is marked first, and deleted by a pruning an hour
 * later, if nobody has asked for it since.
 */

/** Milliseconds for which a file, or a folder of a run, is left alone whatever refers to it. */
const YOUNG_MS = 3_600_000;
/** Milliseconds between automatic prunings, over all managers of a store. */
const EVERY_MS = 24 * 3_600_000;
const DAY_MS = 24 * 3_600_000;
/** Runs that are read at once. */
const PAGE = 1_000;
const RUN_ID = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);

export type PrunePolicy = Pick<PruneRunsRequest, 'keep' | 'endedBeforeUnixMs' | 'dryRun'>;

/** Without any limit no run goes, but files without an owner do. With the epoch of a term of the centre, runs go only while
 *  that lasts. Throws WizError. */
export async function pruneRuns(
  manager: Manager,
  policy: PrunePolicy,
  centreEpoch?: number,
): Promise<PruneRunsResponse> {
  const { store } = manager;
  const nowMs = Date.now();
  const { chosen, oldestRunningMs } = await chooseRuns(manager, policy);
  const runIds = policy.dryRun ? chosen : await store.deleteRuns(chosen, centreEpoch);
  if (!policy.dryRun) {
    for (const runId of runIds) await Promise.all(foldersOf(manager, runId).map(removeFolder));
    await removeLeftFolders(manager, nowMs);
  }
  const beforeMs = Math.min(nowMs - YOUNG_MS, oldestRunningMs);
  const { deleted, marked, bytes } = await collect(manager, {
    // Of a dry run those that would be deleted refer to nothing either.
    without: policy.dryRun ? runIds : [],
    beforeMs,
    nowMs,
    dryRun: policy.dryRun,
  });
  return { $typeName: 'wiz.v1.PruneRunsResponse', runIds, files: deleted, bytes, markedFiles: marked };
}

/** Prunes when no manager of the store has for a day; undefined when that is not so, or there is no limit. */
export async function autoPrune(
  manager: Manager,
  { keepRuns, keepDays }: RetentionPolicy,
  centreEpoch?: number,
): Promise<PruneRunsResponse | undefined> {
  if (keepRuns === 0 && keepDays === 0) return undefined;
  const { store } = manager;
  const nowMs = Date.now();
  // A holder of its own: the lease is to outlive the manager, and a second one must not take it for its own.
  const holder = newId();
  if (!(await store.acquireLease(PRUNE_LEASE.kind, PRUNE_LEASE.key, holder, nowMs, nowMs + EVERY_MS)))
    return undefined;
  const endedBeforeUnixMs = keepDays === 0 ? 0 : nowMs - keepDays * DAY_MS;
  try {
    return await pruneRuns(manager, { keep: keepRuns, endedBeforeUnixMs, dryRun: false }, centreEpoch);
  } catch (error) {
    await store.releaseLease(PRUNE_LEASE.kind, PRUNE_LEASE.key, holder);
    throw error;
  }
}

interface Choice {
  chosen: string[];
  /** Infinity when none goes on. */
  oldestRunningMs: number;
}

async function chooseRuns(manager: Manager, { keep, endedBeforeUnixMs }: PrunePolicy): Promise<Choice> {
  const choice: Choice = { chosen: [], oldestRunningMs: Number.POSITIVE_INFINITY };
  const seen = new Map<string, number>();
  for await (const run of allRuns(manager)) {
    const rank = (seen.get(run.pipeline) ?? 0) + 1;
    seen.set(run.pipeline, rank);
    if (run.state === RunState.RUNNING) {
      choice.oldestRunningMs = Math.min(choice.oldestRunningMs, run.createdMs);
      continue;
    }
    const outOfCount = keep === 0 || rank > keep;
    const outOfTime = endedBeforeUnixMs === 0 || run.endedMs < endedBeforeUnixMs;
    if ((keep > 0 || endedBeforeUnixMs > 0) && outOfCount && outOfTime) choice.chosen.push(run.runId);
  }
  return choice;
}

/** Newest first. */
async function* allRuns({ store }: Manager): AsyncGenerator<RunRow> {
  let beforeRunId: string | undefined;
  do {
    const page = await store.listRuns({ limit: PAGE, ...(beforeRunId !== undefined && { beforeRunId }) });
    yield* page;
    beforeRunId = page.length === PAGE ? page.at(-1)!.runId : undefined;
  } while (beforeRunId !== undefined);
}

/** Where a run has its logs and its manifest, and where it worked. */
function foldersOf({ home }: Manager, runId: string): string[] {
  return [join(home, 'runs', runId), join(stagingFolder(home), runId)];
}

/** Removes folders of runs that are not in the store: a pruning was killed before it came to them. */
async function removeLeftFolders(manager: Manager, nowMs: number): Promise<void> {
  for (const parent of [join(manager.home, 'runs'), stagingFolder(manager.home)]) {
    for (const runId of await readdir(parent).catch(() => [])) {
      if (!RUN_ID.test(runId) || (await manager.store.getRun(runId)) !== undefined) continue;
      const path = join(parent, runId);
      const changedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? nowMs;
      if (changedMs < nowMs - YOUNG_MS) await removeFolder(path);
    }
  }
}

interface Collection {
  without: string[];
  beforeMs: number;
  nowMs: number;
  dryRun: boolean;
}

async function collect({ store, files }: Manager, { without, ...options }: Collection) {
  try {
    const referred = await withContents(files, await store.referredHashes(without));
    return await files.collect({ ...options, isReferred: (hash) => referred.has(hash) });
  } catch (error) {
    throw toldFileError(error);
  }
}

/** The hashes, and those of everything in those that are folders. */
async function withContents(files: Manager['files'], hashes: Map<string, boolean>): Promise<Set<string>> {
  const referred = new Set(hashes.keys());
  const opened = new Set<string>();
  const folders = [...hashes].filter(([, folder]) => folder).map(([hash]) => hash);
  for (let hash = folders.pop(); hash !== undefined; hash = folders.pop()) {
    if (opened.has(hash)) continue;
    opened.add(hash);
    for (const child of await childrenOf(files, hash)) {
      referred.add(child.hash);
      if (child.folder) folders.push(child.hash);
    }
  }
  return referred;
}

/** Of a folder that another file store has, or that is damaged, nothing is known and nothing is here. With any other
 *  trouble nothing is collected. */
async function childrenOf(files: Manager['files'], hash: string) {
  try {
    return await treeChildren(files, hash);
  } catch (error) {
    const lost = error instanceof FileStoreError && ['absent', 'mismatch', 'unsafe'].includes(error.problem);
    if (lost) return [];
    throw error;
  }
}
