import type { Data, File } from '../proto/gen/wiz/v1/data_pb.js';
import {
  type AttemptEnded,
  type Event,
  type OutputsKept,
  type ProcessorReused,
  ProcessorState,
} from '../proto/gen/wiz/v1/events_pb.js';
import { findTask, type RunMachine } from './engine/run.ts';
import type { AttemptRecord } from './graph/processor-node.ts';
import type { CacheEntry, FileLink, NewRecords, RunCommit } from './store/store.ts';

/**
 * What a commit stores beside the events it has: which files the run refers to, and which results may be used again. The
 * run has the events applied already. Undefined is nothing; most commits have nothing, and asking costs about 0.1 µs an
 * event.
 */

/** All of it. `recorded`: the rows of a run whose outputs are kept with these events. */
export function leavingsOf(
  run: RunMachine,
  events: Event[],
  recorded: NewRecords[] | undefined,
): Pick<RunCommit, 'fileLinks' | 'cacheEntries' | 'reusedKeys' | 'records'> {
  const keepsOutputs = events.some(({ event }) => event.case === 'outputsKept');
  return {
    fileLinks: fileLinksOf(run, events),
    cacheEntries: cacheEntriesOf(run, events),
    reusedKeys: reusedKeysOf(events),
    ...(keepsOutputs && { records: recorded ?? [] }),
  };
}

/** Links to the files that these events speak of: those of attempts that succeeded, of reused results, and those kept. */
export function fileLinksOf(run: RunMachine, events: Event[]): FileLink[] | undefined {
  let links: FileLink[] | undefined;
  for (const { event, unixMs } of events) {
    let found: FileLink[];
    if (event.case === 'attemptEnded') found = linksOfAttempt(run, event.value, unixMs);
    else if (event.case === 'processorReused') found = linksOfReused(run, event.value, unixMs);
    else if (event.case === 'outputsKept') found = linksOfKept(run, event.value, unixMs);
    else continue;
    if (found.length === 0) continue;
    if (links === undefined) links = found;
    else for (const link of found) links.push(link);
  }
  return links;
}

/** Entries for attempts that succeeded and have a key. */
export function cacheEntriesOf(run: RunMachine, events: Event[]): CacheEntry[] | undefined {
  let entries: CacheEntry[] | undefined;
  for (const { event, unixMs } of events) {
    if (event.case !== 'attemptEnded' || event.value.state !== ProcessorState.SUCCEEDED) continue;
    const { processor, attempt, output, context, files } = event.value.report!;
    const record = recordOf(run, processor, attempt);
    if (record?.cache === undefined || record.cache.key === '') continue;
    const { key, parts } = record.cache;
    const { runId, pipeline } = run;
    entries ??= [];
    entries.push({
      key,
      pipeline,
      processor,
      runId,
      createdMs: unixMs,
      result: {
        $typeName: 'wiz.v1.ProcessorReused',
        processor,
        cache: {
          $typeName: 'wiz.v1.CacheDecision',
          key,
          verdict: 'reused',
          reason: `same as run ${runId}`,
          runId,
          attempt,
          parts,
        },
        output,
        context,
        files,
        inputs: record.inputs ?? [],
      },
    });
  }
  return entries;
}

/** Keys of results that were reused. */
export function reusedKeysOf(events: Event[]): string[] | undefined {
  let keys: string[] | undefined;
  for (const { event } of events) {
    if (event.case !== 'processorReused' || event.value.cache === undefined) continue;
    keys ??= [];
    keys.push(event.value.cache.key);
  }
  return keys;
}

const NOTHING: FileLink[] = [];

function linksOfAttempt(run: RunMachine, { report, state }: AttemptEnded, unixMs: number): FileLink[] {
  if (state !== ProcessorState.SUCCEEDED) return NOTHING;
  const { processor, attempt, files, output } = report!;
  const inputs = recordOf(run, processor, attempt)?.inputs;
  if (files.length === 0 && inputs === undefined && output?.value.case !== 'file') return NOTHING;
  return resultLinks(newLink(run, processor, attempt, unixMs), files, output, inputs ?? []);
}

function linksOfReused(run: RunMachine, reused: ProcessorReused, unixMs: number): FileLink[] {
  const { processor, cache, files, output, inputs } = reused;
  if (files.length === 0 && inputs.length === 0 && output?.value.case !== 'file') return NOTHING;
  const link = newLink(run, processor, 0, unixMs);
  link.originRunId = cache?.runId ?? '';
  link.originAttempt = cache?.attempt ?? 0;
  return resultLinks(link, files, output, inputs);
}

function linksOfKept(run: RunMachine, { files }: OutputsKept, unixMs: number): FileLink[] {
  return files.map(({ path, file, processor }) => {
    const attempt = findTask(run, processor)?.attempts.at(-1)?.attempt ?? 0;
    return linkTo(newLink(run, processor, attempt, unixMs), 'kept', { ...file!, name: path });
  });
}

function resultLinks(link: FileLink, files: File[], output: Data | undefined, inputs: File[]): FileLink[] {
  const links = files.map((file) => linkTo(link, 'made', file));
  if (output?.value.case === 'file') links.push(linkTo(link, 'value', output.value.value));
  for (const file of inputs) links.push(linkTo(link, 'used', file));
  return links;
}

function newLink(run: RunMachine, processor: string, attempt: number, createdMs: number): FileLink {
  return {
    hash: '',
    runId: run.runId,
    pipeline: run.pipeline,
    processor,
    attempt,
    role: 'made',
    name: '',
    size: 0,
    folder: false,
    mediaType: '',
    createdMs,
    originRunId: '',
    originAttempt: 0,
  };
}

function linkTo(link: FileLink, role: FileLink['role'], file: File): FileLink {
  const { hash, name, size, folder, mediaType } = file;
  return { ...link, role, hash, name, size, folder, mediaType };
}

/** The attempt of a report; later ones may have started by now. */
function recordOf(run: RunMachine, processor: string, attempt: number): AttemptRecord | undefined {
  const attempts = findTask(run, processor)?.attempts;
  if (attempts === undefined) return undefined;
  const last = attempts.at(-1);
  return last?.attempt === attempt ? last : attempts.find((record) => record.attempt === attempt);
}
