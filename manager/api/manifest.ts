import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { WIZ_VERSION } from '../../proto/version.ts';
import type { RunMachine } from '../engine/run.ts';
import type { ProcessorNode } from '../graph/processor-node.ts';
import type { Manifest, ManifestInstance, ManifestProcessor } from './manifest-schema.ts';
import { fileOf, taskAccount, timeOf, valueJson } from './manifest-task.ts';
import { addNode, newSums, sumsOfRun } from './manifest-totals.ts';

/** Characters of a piece: enough that a message or a write costs little beside it, and little enough to make in a
 *  millisecond. */
const PIECE = 128 * 1024;

/**
 * The account of a run as it stands, as pieces of JSON text (one document; its shape is in manifest-schema.ts). Between
 * two pieces other things may be done, but the run must not change. No secrets: they were redacted where the work
 * was done.
 */
export function* manifestPieces(run: RunMachine, home: string, nowMs: number): Generator<string> {
  const head = JSON.stringify(headOf(run, home, nowMs));
  let piece = `${head.slice(0, -1)},"processors":[`;
  let separator = '';
  for (const { name } of run.spec.processors) {
    for (const part of processorParts(run.runId, run.graph.getNodeAttributes(name))) {
      piece += separator + part;
      separator = '';
      if (piece.length < PIECE) continue;
      yield piece;
      piece = '';
    }
    separator = ',';
  }
  yield `${piece}]}`;
}

function* processorParts(runId: string, node: ProcessorNode): Generator<string> {
  const account = JSON.stringify(processorAccount(runId, node));
  yield `${account.slice(0, -1)},"output":${valueJson(node.output)}`;
  if (node.instances !== undefined) {
    yield ',"instances":[';
    for (const task of node.instances.tasks) {
      const instance: Omit<ManifestInstance, 'output'> = { index: task.index, ...taskAccount(runId, task) };
      const comma = task.index === 0 ? '' : ',';
      yield `${comma}${JSON.stringify(instance).slice(0, -1)},"output":${valueJson(task.output)}}`;
    }
    yield ']';
  }
  yield '}';
}

function processorAccount(
  runId: string,
  node: ProcessorNode,
): Omit<ManifestProcessor, 'output' | 'instances'> {
  const { action, description, needs } = node.spec;
  const sums = addNode(newSums(), node);
  return {
    ...taskAccount(runId, node),
    description,
    action: action.kind === 'call' ? action.uses : action.kind,
    needs,
    queuedAt: timeOf(node.readyMs),
    startedAt: timeOf(sums.startedMs),
    endedAt: node.settled ? timeOf(sums.endedMs) : null,
    totals: sums.totals,
    counts: node.instances === undefined ? undefined : sums.instances,
  };
}

function headOf(run: RunMachine, home: string, nowMs: number): Omit<Manifest, 'processors'> {
  const { runId, idle, running, failed, succeeded, outputs } = run;
  const sums = sumsOfRun(run);
  const ended = run.state === RunState.RUNNING ? 0 : run.endedMs;
  return {
    schemaVersion: 1,
    wizVersion: WIZ_VERSION,
    writtenAt: timeOf(nowMs)!,
    lastEvent: run.seq,
    runId,
    pipeline: run.pipeline,
    version: run.version,
    description: run.spec.description,
    state: RUN_STATES[run.state],
    reason: run.reason,
    message: run.message || undefined,
    cancel: run.cancelRequested ? { message: run.cancelMessage } : undefined,
    createdAt: timeOf(run.createdMs)!,
    startedAt: timeOf(sums.startedMs),
    endedAt: timeOf(ended),
    durationMs: Math.max(0, (ended || nowMs) - run.createdMs),
    labels: run.labels,
    params: run.params,
    context: run.context,
    warnings: run.warnings,
    counts: {
      processors: { idle, running, failed, succeeded },
      skipped: run.skips,
      cached: sums.cached,
      instances: sums.instances,
    },
    totals: sums.totals,
    outputs: {
      files:
        outputs?.files.map(({ path, processor, file }) => ({ path, processor, file: fileOf(file!) })) ?? [],
      records: outputs?.records.map(({ table, processor, rows }) => ({ table, processor, rows })) ?? [],
    },
    links: {
      logs: `wiz runs logs ${runId}`,
      files: `wiz files ls ${runId} --all`,
      staging: `wiz runs staging ${runId}`,
      manifest: `wiz runs manifest ${runId}`,
      folder: runFolder(home, runId),
    },
  };
}

const RUN_STATES = {
  [RunState.UNSPECIFIED]: 'Running',
  [RunState.RUNNING]: 'Running',
  [RunState.FAILED]: 'Failed',
  [RunState.SUCCEEDED]: 'Succeeded',
} as const;

function runFolder(home: string, runId: string): string {
  return join(home, 'runs', runId);
}

/** Runs whose manifest is being written, so that a later one of the same run is not overtaken. */
const writing = new Map<string, Promise<void>>();

/**
 * Writes the manifest of a run that has ended to HOME/runs/RUN/manifest.json: the old one or the whole new one is seen.
 * Rejects with the error of the file system; then nothing is left behind.
 */
export function writeManifest(home: string, run: RunMachine): Promise<void> {
  const folder = runFolder(home, run.runId);
  const before = writing.get(folder) ?? Promise.resolve();
  const write = before.then(() => writePieces(folder, manifestPieces(run, home, Date.now())));
  const done = write
    .catch(() => {})
    .then(() => {
      if (writing.get(folder) === done) writing.delete(folder);
    });
  writing.set(folder, done);
  return write;
}

async function writePieces(folder: string, pieces: Iterable<string>): Promise<void> {
  const path = join(folder, 'manifest.json');
  const temporary = join(folder, `.manifest.${process.pid}.tmp`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      for (const piece of pieces) await file.writeFile(piece);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
