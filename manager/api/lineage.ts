import { WizError } from '../../proto/error.ts';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { GetLineageResponse, LineageStep, StoredFile } from '../../proto/gen/wiz/v1/files_pb.js';
import { findTask, type RunMachine } from '../engine/run.ts';
import type { AttemptRecord, Task } from '../graph/processor-node.ts';
import { readRun } from '../journal.ts';
import type { Manager } from '../manager.ts';
import type { FileLink, Store } from '../store/store.ts';
import { findStoredFile } from './file-name.ts';

/**
 * Lineage: from a file to what made it, from what that was made, and so on; and the other way. A step is one processor
 * (or instance) of one run. Steps are joined by files (the links of runs, and files on disk that the cache hashed) and,
 * where no file went from one to the other, by `needs`: a value did. A reused result counts as the attempt that made it.
 */

/** Steps of one direction. */
const MAX_STEPS = 10_000;
/** Links to one file that are looked at, newest run first. */
const MAX_LINKS = 1_000;
/** Runs that are held at once; a large one is 100 MB. */
const MAX_RUNS = 32;
const WHOLE_HASH = /^[0-9a-f]{64}$/;

/** `depth` 0 is all. Throws WizError as findStoredFile does. */
export async function lineageOf(manager: Manager, name: string, depth: number): Promise<GetLineageResponse> {
  const { store } = manager;
  const trace = createTrace(store);
  const file = await findStoredFile(manager, name).catch((error) => fileOnDisk(store, name, error));
  const { hash } = file.file!;
  // Asked for by its hash, a file may have been made by many runs; by its run, it was made there.
  const origin = name.includes('/') ? file : undefined;
  const makers = await trace.makersOf(hash, origin?.runId, Number.POSITIVE_INFINITY);
  const users = await trace.usersOf(hash);
  return {
    $typeName: 'wiz.v1.GetLineageResponse',
    file,
    up: await walk(makers, depth, trace.before),
    down: await walk(users, depth, trace.after),
  };
}

/** A file that no run left, but that one has read. */
async function fileOnDisk(store: Store, hash: string, error: unknown): Promise<StoredFile> {
  if (!(error instanceof WizError && error.code === 'not_found') || !WHOLE_HASH.test(hash)) throw error;
  const [entry] = await store.findCacheEntriesNaming(hash, 1);
  if (entry === undefined) throw error;
  const file = diskFiles(entry.result.cache?.parts).find((one) => one.hash === hash);
  return {
    $typeName: 'wiz.v1.StoredFile',
    file,
    runId: '',
    pipeline: '',
    processor: '',
    attempt: 0,
    path: '',
    createdUnixMs: 0,
  };
}

/** Breadth first; each step once, at its smallest distance. */
async function walk(
  start: Step[],
  depth: number,
  next: (step: Step) => Promise<Following>,
): Promise<LineageStep[]> {
  const found: LineageStep[] = [];
  const places = new Map<string, number>();
  const values: [LineageStep, Step][] = [];
  let level = start;
  for (let distance = 1; level.length > 0 && (depth === 0 || distance <= depth); distance += 1) {
    const following: Step[] = [];
    for (const step of level) {
      if (places.has(keyOf(step))) continue;
      const told = toldStep(step, distance);
      places.set(keyOf(step), found.push(told) - 1);
      if (found.length >= MAX_STEPS) break;
      const { byFile, byValue } = await next(step);
      following.push(...byFile, ...byValue);
      for (const one of byValue) values.push([told, one]);
    }
    level = found.length < MAX_STEPS ? following : [];
  }
  for (const [told, step] of values) {
    const place = places.get(keyOf(step));
    if (place !== undefined) told.byValue.push(place);
  }
  return found;
}

function keyOf({ run, task, attempt }: Step): string {
  return `${run.runId} ${task.name} ${attempt}`;
}

interface Following {
  byFile: Step[];
  byValue: Step[];
}

interface Step {
  run: RunMachine;
  task: Task;
  /** 0 of a reused result whose maker is not there any more, and of a processor with instances as a whole. */
  attempt: number;
  inputs: File[];
  /** Made and left, or too large to be a value. */
  outputs: File[];
  /** Unix ms; 0 unknown. */
  endedMs: number;
}

function toldStep({ run, task, attempt, inputs, outputs, endedMs }: Step, distance: number): LineageStep {
  return {
    $typeName: 'wiz.v1.LineageStep',
    distance,
    runId: run.runId,
    pipeline: run.pipeline,
    version: run.version,
    processor: task.name,
    attempt,
    inputs,
    outputs,
    endedUnixMs: endedMs,
    paramsJson: run.paramsJson,
    byValue: [],
  };
}

function createTrace(store: Store) {
  const runs = new Map<string, Promise<RunMachine | undefined>>();

  function runOf(runId: string): Promise<RunMachine | undefined> {
    let run = runs.get(runId);
    if (run === undefined) {
      if (runs.size >= MAX_RUNS) runs.delete(runs.keys().next().value!);
      run = store.getRun(runId).then((row) => (row === undefined ? undefined : readRun(store, runId)));
      runs.set(runId, run);
    }
    return run;
  }

  /** What a task of a run did; of a reused result the attempt that did it. `attempt` 0 is the last. */
  async function stepOf(runId: string, name: string, attempt: number): Promise<Step | undefined> {
    const run = await runOf(runId);
    const task = run === undefined ? undefined : findTask(run, name);
    if (run === undefined || task === undefined) return undefined;
    if (attempt === 0 && task.cache?.verdict === 'reused' && task.cache.runId !== runId) {
      const origin = await stepOf(task.cache.runId, name, task.cache.attempt);
      if (origin !== undefined) return origin;
    }
    const record = attempt === 0 ? lastSuccess(task) : task.attempts.find((one) => one.attempt === attempt);
    const number = record?.attempt ?? 0;
    const links = (await store.listFileLinks(runId, name)).filter((link) => link.attempt === number);
    const parts = (record === undefined ? task.cache : record.cache)?.parts;
    return {
      run,
      task,
      attempt: number,
      inputs: [...filesOf(links, ['used']), ...diskFiles(parts)],
      outputs: filesOf(links, ['made', 'value']),
      endedMs: record?.endedMs ?? links[0]?.createdMs ?? 0,
    };
  }

  async function stepsOf(places: { runId: string; processor: string; attempt: number }[]): Promise<Step[]> {
    const steps = await Promise.all(
      places.map(({ runId, processor, attempt }) => stepOf(runId, processor, attempt)),
    );
    return steps.filter((step) => step !== undefined);
  }

  /** What made a file: in the run where it was used when it was made there, else in the last run before, and, when no
   *  run is given, in all runs. */
  async function makersOf(hash: string, runId: string | undefined, beforeMs: number): Promise<Step[]> {
    const links = (await store.findFileLinks(hash, MAX_LINKS)).filter(
      ({ role, createdMs }) => (role === 'made' || role === 'value') && createdMs <= beforeMs,
    );
    const there = links.filter((link) => link.runId === runId);
    if (there.length > 0) return stepsOf(there);
    return stepsOf(runId === undefined ? links : links.filter((link) => link.runId === links[0]!.runId));
  }

  async function usersOf(hash: string): Promise<Step[]> {
    const links = (await store.findFileLinks(hash, MAX_LINKS)).filter(({ role }) => role === 'used');
    const entries = await store.findCacheEntriesNaming(hash, MAX_LINKS);
    const readers = await Promise.all(
      entries.map(async ({ runId, processor, result: { cache } }) => {
        const maker = cache && (await stepOf(cache.runId, processor, cache.attempt));
        // The maker may be gone; the run that the entry is kept for is not.
        return maker ?? stepOf(runId, processor, 0);
      }),
    );
    return [...(await stepsOf(links)), ...readers.filter((step) => step !== undefined)];
  }

  /** Of its inputs, and of the needs that gave it a value. */
  async function before({ run, task, inputs, endedMs }: Step): Promise<Following> {
    const beforeMs = endedMs || Number.POSITIVE_INFINITY;
    const steps: Step[] = [];
    for (const { hash } of inputs) steps.push(...(await makersOf(hash, run.runId, beforeMs)));
    const needs = task.node.spec.needs.filter((need) => !steps.some((step) => isOf(step, run, need)));
    const hasEnded = needs.filter((need) => hasResult(run.graph.getNodeAttributes(need)));
    const givers = hasEnded.map((processor) => ({ runId: run.runId, processor, attempt: 0 }));
    return { byFile: steps, byValue: await stepsOf(givers) };
  }

  /** What used its outputs, and what it gave a value to. */
  async function after({ run, task, outputs }: Step): Promise<Following> {
    const steps: Step[] = [];
    for (const { hash } of outputs) steps.push(...(await usersOf(hash)));
    const dependents = run.graph
      .outNeighbors(task.node.name)
      .filter((name) => hasResult(run.graph.getNodeAttributes(name)))
      .filter((name) => !steps.some((step) => isOf(step, run, name)));
    const takers = dependents.map((processor) => ({ runId: run.runId, processor, attempt: 0 }));
    return { byFile: steps, byValue: await stepsOf(takers) };
  }

  return { makersOf, usersOf, before, after };
}

/** A processor of the run, or of the run whose result was reused. */
function isOf(step: Step, { pipeline }: RunMachine, processor: string): boolean {
  return step.run.pipeline === pipeline && step.task.node.name === processor;
}

function lastSuccess(task: Task): AttemptRecord | undefined {
  return task.attempts.findLast(({ state }) => state === ProcessorState.SUCCEEDED);
}

function hasResult(task: Task): boolean {
  return task.settled && task.state === ProcessorState.SUCCEEDED;
}

function filesOf(links: FileLink[], roles: FileLink['role'][]): File[] {
  return links
    .filter(({ role }) => roles.includes(role))
    .map(({ name, hash, size, mediaType, folder }) => ({
      $typeName: 'wiz.v1.File',
      name,
      hash,
      size,
      mediaType,
      folder,
    }));
}

/** Files outside of the file store that the cache hashed; of these the parts are whole hashes. */
function diskFiles(parts: Record<string, string> | undefined): File[] {
  return Object.entries(parts ?? {})
    .filter(([name, hash]) => name.startsWith('file ') && WHOLE_HASH.test(hash))
    .map(([name, hash]) => ({
      $typeName: 'wiz.v1.File',
      name: name.slice('file '.length),
      hash,
      size: 0,
      mediaType: '',
      folder: false,
    }));
}
