import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Processor, Run } from '../../proto/gen/wiz/v1/runs_pb.js';
import { instanceWords } from './instances.ts';
import type { Paint } from './paint.ts';
import type { Column } from './table.ts';
import { cacheWords, cut, dateTime, duration, oneLine, PROCESSOR_STATE, RUN_STATE } from './words.ts';

/** Columns that a message may take in a table. */
const MESSAGE_COLUMNS = 80;

export function runColumns(paint: Paint, nowMs: number): Column<Run>[] {
  return [
    { title: 'RUN', text: (run) => run.runId },
    { title: 'PIPELINE', text: pipelineOf },
    { title: 'STATE', text: runStateOf, paint: (run, text) => runPaint(run.state, paint)(text) },
    { title: 'STARTED', text: (run) => dateTime(run.createdUnixMs) },
    { title: 'TOOK', text: (run) => duration((run.endedUnixMs || nowMs) - run.createdUnixMs), right: true },
    { title: 'DONE', text: doneOf, right: true },
  ];
}

export function pipelineOf({ pipeline, version }: Run): string {
  return version > 0 ? `${pipeline} v${version}` : pipeline;
}

export function runStateOf({ state, reason, cancelRequested }: Run): string {
  if (state === RunState.RUNNING && cancelRequested) return 'Running (cancelling)';
  return reason === 'cancelled' ? `${RUN_STATE[state]} (cancelled)` : RUN_STATE[state];
}

function doneOf({ counts }: Run): string {
  if (!counts) return '';
  const total = counts.idle + counts.running + counts.failed + counts.succeeded;
  return `${counts.succeeded}/${total}`;
}

/** A column about the cache only where some processor has one. */
export function processorColumns(processors: Processor[], paint: Paint, nowMs: number): Column<Processor>[] {
  const cache: Column<Processor> = { title: 'CACHE', text: ({ cache }) => (cache ? cacheWords(cache) : '') };
  return [
    { title: 'PROCESSOR', text: ({ name }) => name },
    {
      title: 'STATE',
      text: ({ state }) => PROCESSOR_STATE[state],
      paint: (processor, text) => processorPaint(processor, paint)(text),
    },
    {
      title: 'ATTEMPTS',
      text: ({ attempts, instances }) => (instances ? '' : String(attempts.length)),
      right: true,
    },
    { title: 'TOOK', text: (processor) => tookOf(processor, nowMs), right: true },
    { title: 'REASON', text: reasonOf },
    ...(processors.some((one) => one.cache) ? [cache] : []),
    { title: 'MESSAGE', text: (processor) => cut(messageOf(processor), MESSAGE_COLUMNS) },
  ];
}

function reasonOf({ reason, warning }: Processor): string {
  return warning ? `${reason} (warning)` : reason;
}

function tookOf({ attempts, state }: Processor, nowMs: number): string {
  const last = attempts.at(-1);
  const started = last?.startedUnixMs || last?.assignedUnixMs;
  if (!started) return '';
  if (state === ProcessorState.RUNNING) return duration(nowMs - started);
  return last!.endedUnixMs ? duration(last!.endedUnixMs - started) : '';
}

function messageOf(processor: Processor): string {
  const { state, message, progress, progressMessage, instances } = processor;
  if (instances) return [instancesOf(processor), oneLine(message)].filter(Boolean).join('; ');
  if (state !== ProcessorState.RUNNING) return oneLine(message);
  return oneLine(`${progress >= 0 ? `${Math.floor(progress * 100)}% ` : ''}${progressMessage}`);
}

function instancesOf({ instances }: Processor): string {
  const { idle = 0, running = 0, failed = 0, succeeded = 0 } = instances?.counts ?? {};
  const count = idle + running + failed + succeeded;
  return instanceWords({ count, counts: { 0: 0, 1: idle, 2: running, 3: failed, 4: succeeded } });
}

export function runPaint(state: RunState, paint: Paint): (text: string) => string {
  if (state === RunState.SUCCEEDED) return paint.green;
  return state === RunState.FAILED ? paint.red : paint.cyan;
}

function processorPaint({ state, warning }: Processor, paint: Paint): (text: string) => string {
  if (warning) return paint.yellow;
  if (state === ProcessorState.SUCCEEDED) return paint.green;
  if (state === ProcessorState.FAILED) return paint.red;
  return state === ProcessorState.RUNNING ? paint.cyan : paint.dim;
}
