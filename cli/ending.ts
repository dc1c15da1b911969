/** What is said when a run has ended: a summary, its warnings, and for what failed the reason and the end of its log. */
import { ProcessorState, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { Attempt, Processor } from '../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from './api.ts';
import { followLogs } from './follow.ts';
import type { Paint } from './render/paint.ts';
import type { RunView } from './render/view.ts';
import { count, duration, oneLine, RUN_STATE } from './render/words.ts';

/** Failed processors that are told about one by one. */
const FAILURES_TOLD = 5;
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
      if (told.has(processor.name)) lines.push('', ...(await failureLines(api, run.runId, processor, paint)));
    }
  }
  if (failed.length > told.size) {
    lines.push('', `… and ${failed.length - told.size} more failed: wiz runs get ${run.runId}`);
  }
  lines.push('', `To go on from what failed: wiz runs retry ${run.runId}`);
  return lines;
}

function summary(run: RunView, paint: Paint): string {
  const { counts } = run;
  const succeeded = run.state === RunState.SUCCEEDED;
  const word = (succeeded ? paint.green : paint.red)(RUN_STATE[run.state]);
  const why = run.reason === 'cancelled' ? ' (cancelled)' : '';
  const parts = [
    [counts[ProcessorState.SUCCEEDED], 'succeeded'],
    [counts[ProcessorState.FAILED], 'failed'],
    [counts[ProcessorState.IDLE], 'not run'],
  ]
    .filter(([n]) => n !== 0)
    .map(([n, word]) => `${n!.toLocaleString('en')} ${word}`);
  const took = duration(run.endedMs - run.createdMs);
  const total = count(run.processors.size, 'processor');
  // Of failed processors more is told below.
  const message =
    counts[ProcessorState.FAILED] === 0 && !succeeded && run.message ? [`  ${oneLine(run.message)}`] : [];
  return [
    `${word}${why} in ${took}: ${total}, ${parts.join(', ')}  ${paint.dim(run.runId)}`,
    ...message,
  ].join('\n');
}

async function failureLines(
  api: Pick<Api, 'runs'>,
  runId: string,
  processor: Processor,
  paint: Paint,
): Promise<string[]> {
  const attempt = processor.attempts.at(-1);
  const tried = attempt && attempt.attempt > 1 ? ` (attempt ${attempt.attempt})` : '';
  const message = oneLine(processor.message || attempt?.message || '');
  const head = `${paint.red('✖')} ${paint.bold(processor.name)} failed: ${processor.reason}${tried}`;
  const tail = attempt ? await lastLines(api, runId, processor.name, attempt) : [];
  return [
    head,
    ...(message ? [`  ${message}`] : []),
    ...tail.map((line) => `${paint.dim('  |')} ${line}`),
    ...(tail.length > 0 ? [`  More: wiz runs logs ${runId} ${processor.name}`] : []),
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
