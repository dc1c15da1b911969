/** What is said when a run has ended: a summary, its warnings, and for what failed the reason and the end of its log. */
import { type OutputsKept, ProcessorState, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { Attempt, Processor } from '../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from './api.ts';
import { followLogs } from './follow.ts';
import { keptWords } from './render/outputs.ts';
import type { Paint } from './render/paint.ts';
import type { RunView } from './render/view.ts';
import { count, duration, oneLine, RUN_STATE } from './render/words.ts';

/** Failed processors that are told about one by one. */
const FAILURES_TOLD = 5;
/** Failed instances of one processor that are. */
const INSTANCES_TOLD = 3;
const LOG_LINES = 10;
/** A log up to this many bytes is read whole for its last lines. */
const SMALL_LOG_BYTES = 4_000_000;

export async function endingLines(api: Pick<Api, 'runs'>, run: RunView, paint: Paint): Promise<string[]> {
  const lines = [summary(run, paint), ...run.warnings.map((text) => `${paint.yellow('warning:')} ${text}`)];
  if (run.state !== RunState.FAILED) return lines;
  const failed = [...run.processors.values()].filter(
    ({ state, warning, reason }) => state === ProcessorState.FAILED && !warning && reason !== 'cancelled',
  );
  const told = new Set(failed.slice(0, FAILURES_TOLD).map(({ name }) => name));
  if (told.size > 0) {
    const { processors } = await api.runs.getRun({ runId: run.runId });
    for (const processor of processors) {
      if (!told.has(processor.name)) continue;
      for (const one of [processor, ...(processor.instances?.failed ?? []).slice(0, INSTANCES_TOLD)]) {
        lines.push('', ...(await failureLines(api, run.runId, one, paint)));
      }
      const untold = (processor.instances?.counts?.failed ?? 0) - INSTANCES_TOLD;
      if (untold > 0) {
        const all = `wiz runs get ${run.runId} --instances ${processor.name}`;
        lines.push('', `… and ${count(untold, 'more instance', 'more instances')} of it failed: ${all}`);
      }
    }
  }
  if (failed.length > told.size) {
    lines.push('', `… and ${failed.length - told.size} more failed: wiz runs get ${run.runId}`);
  }
  lines.push('', `To go on from what failed: wiz runs retry ${run.runId}`);
  return lines;
}

function summary(run: RunView, paint: Paint): string {
  const { counts, cached, skipped } = run;
  const succeeded = run.state === RunState.SUCCEEDED;
  const word = (succeeded ? paint.green : paint.red)(RUN_STATE[run.state]);
  const why = run.reason === 'cancelled' ? ' (cancelled)' : '';
  const parts = tally([
    [counts[ProcessorState.SUCCEEDED] - cached, 'succeeded'],
    [cached, 'cached'],
    [counts[ProcessorState.FAILED], 'failed'],
    [skipped, 'skipped'],
    [counts[ProcessorState.IDLE] - skipped, 'not run'],
  ]);
  const took = duration(run.endedMs - run.createdMs);
  const total = count(run.processors.size, 'processor');
  // Of failed processors more is told below.
  const message =
    counts[ProcessorState.FAILED] === 0 && !succeeded && run.message ? [`  ${oneLine(run.message)}`] : [];
  return [
    `${word}${why} in ${took}: ${total}, ${parts}${instanceSummary(run)}  ${paint.dim(run.runId)}`,
    ...message,
    ...(succeeded && run.outputs ? keptLines(run.outputs, run.runId) : []),
  ].join('\n');
}

/** Instances are counted apart: `; 10,000 instances, 9,998 succeeded, 2 failed`. */
function instanceSummary(run: RunView): string {
  const sum = { all: 0, succeeded: 0, cached: 0, failed: 0, idle: 0 };
  for (const { instances } of run.processors.values()) {
    if (!instances) continue;
    sum.all += instances.count;
    sum.succeeded += instances.counts[ProcessorState.SUCCEEDED] - instances.cached;
    sum.cached += instances.cached;
    sum.failed += instances.counts[ProcessorState.FAILED];
    sum.idle += instances.counts[ProcessorState.IDLE];
  }
  if (sum.all === 0) return '';
  const parts = tally([
    [sum.succeeded, 'succeeded'],
    [sum.cached, 'cached'],
    [sum.failed, 'failed'],
    [sum.idle, 'not run'],
  ]);
  return `; ${count(sum.all, 'instance')}, ${parts}`;
}

function tally(parts: [number, string][]): string {
  return parts
    .filter(([n]) => n !== 0)
    .map(([n, word]) => `${n.toLocaleString('en')} ${word}`)
    .join(', ');
}

/** Outputs that are told about one by one. */
const OUTPUTS_TOLD = 10;

function keptLines(outputs: OutputsKept, runId: string): string[] {
  const kept = keptWords(outputs);
  const more = kept.length > OUTPUTS_TOLD ? [`  … and ${kept.length - OUTPUTS_TOLD} more`] : [];
  const how =
    outputs.files.length > 0 ? [`  To have them: wiz files get ${runId}/${outputs.files[0]!.path}`] : [];
  return [...kept.slice(0, OUTPUTS_TOLD).map((words) => `  ${words}`), ...more, ...how];
}

async function failureLines(
  api: Pick<Api, 'runs'>,
  runId: string,
  processor: Processor,
  paint: Paint,
): Promise<string[]> {
  const attempt = processor.attempts.at(-1);
  const tried = attempt && attempt.attempt > 1 ? ` (attempt ${attempt.attempt})` : '';
  // Of instances the first that failed are told below.
  const message = processor.instances ? '' : oneLine(processor.message || attempt?.message || '');
  const head = `${paint.red('✖')} ${paint.bold(processor.name)} failed: ${processor.reason}${tried}`;
  const tail = attempt ? await lastLines(api, runId, processor.name, attempt) : [];
  return [
    head,
    ...(message ? [`  ${message}`] : []),
    ...tail.map((line) => `${paint.dim('  |')} ${line}`),
    ...(tail.length > 0 ? [`  More: wiz runs logs ${runId} ${shellWord(processor.name)}`] : []),
  ];
}

/** The last lines of both streams of an attempt, in the order they came. */
async function lastLines(
  api: Pick<Api, 'runs'>,
  runId: string,
  processor: string,
  attempt: Attempt,
): Promise<string[]> {
  const bytes = (attempt.usage?.stdoutBytes ?? 0) + (attempt.usage?.stderrBytes ?? 0);
  // A long log is nearly always one stream; line numbers count each stream on its own.
  const fromLine = bytes > SMALL_LOG_BYTES ? Math.max(0, attempt.logLines - LOG_LINES) : 0;
  let end = Buffer.alloc(0);
  try {
    for await (const chunk of followLogs(api.runs, {
      runId,
      processor,
      attempt: attempt.attempt,
      fromLine,
    })) {
      end = Buffer.concat([end, chunk.data]);
      if (end.length > 65_536) end = end.subarray(-32_768);
    }
  } catch {
    // The log is a help, not the point; the command to see it is printed anyway.
    return [];
  }
  return end.toString('utf8').replace(/\n$/, '').split('\n').slice(-LOG_LINES).map(oneLine).filter(Boolean);
}

/** A shell would look for files called parse3. */
function shellWord(name: string): string {
  return name.includes('[') ? `'${name}'` : name;
}
