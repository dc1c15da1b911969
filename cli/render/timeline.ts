/**
 * The timeline of a run: when each processor waited and worked. Rows are made of what the API tells; they are drawn as
 * bars over a common axis, or printed as lines for programs.
 */
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Attempt, Processor, ProcessorCounts } from '../../proto/gen/wiz/v1/runs_pb.js';
import { PROCESSOR_STATE } from './words.ts';

export interface TimelineRow {
  name: string;
  state: ProcessorState;
  reason: string;
  warning: boolean;
  /** Of a processor with instances, which is one bar from the first start to the last end. */
  instances: ProcessorCounts | undefined;
  spans: Span[];
  /** When its needs let it go, unix ms; 0 not yet. */
  readyMs: number;
}

/** One attempt. Unix ms, `queuedMs` <= `startedMs` <= `endedMs`. */
export interface Span {
  attempt: number;
  queuedMs: number;
  /** When it was given to the executor, as long as no start is known. */
  startedMs: number;
  /** Now, when it goes on. */
  endedMs: number;
  state: ProcessorState;
  reason: string;
}

/** `nowMs` is the end of what goes on. */
export function timelineRow(processor: Processor, nowMs: number): TimelineRow {
  const { name, state, reason, warning, instances, readyUnixMs: readyMs } = processor;
  const spans = processor.attempts.map((attempt) => spanOf(attempt, nowMs));
  if (instances !== undefined && instances.startedUnixMs > 0) {
    const { startedUnixMs: startedMs, endedUnixMs } = instances;
    const endedMs = state === ProcessorState.RUNNING ? nowMs : endedUnixMs;
    spans.push(inOrder({ attempt: 0, queuedMs: readyMs, startedMs, endedMs, state, reason }));
  }
  return { name, state, reason, warning, instances: instances?.counts, spans, readyMs };
}

function spanOf(told: Attempt, nowMs: number): Span {
  const { attempt, state, reason, readyUnixMs, assignedUnixMs, startedUnixMs, endedUnixMs } = told;
  return inOrder({
    attempt,
    queuedMs: readyUnixMs || assignedUnixMs,
    startedMs: startedUnixMs || assignedUnixMs,
    endedMs: state === ProcessorState.RUNNING ? nowMs : endedUnixMs,
    state,
    reason,
  });
}

/** Executors have clocks of their own. */
function inOrder(span: Span): Span {
  const startedMs = Math.max(span.startedMs, span.queuedMs);
  return { ...span, startedMs, endedMs: Math.max(span.endedMs, startedMs) };
}

export interface RowTimes {
  /** ms from the creation of the run to the first start; undefined before. */
  startMs: number | undefined;
  /** ms of all attempts together. */
  queueMs: number;
  runMs: number;
}

export function timesOf({ spans }: TimelineRow, createdMs: number): RowTimes {
  const sum = (of: (span: Span) => number) => spans.reduce((total, span) => total + of(span), 0);
  return {
    startMs: spans[0] && Math.max(0, spans[0].startedMs - createdMs),
    queueMs: sum(({ queuedMs, startedMs }) => startedMs - queuedMs),
    runMs: sum(({ startedMs, endedMs }) => endedMs - startedMs),
  };
}

/** `name state start_ms queue_ms run_ms`, - for what is not known, then the reason where there is one. */
export function timelineText(row: TimelineRow, createdMs: number): string {
  const { startMs, queueMs, runMs } = timesOf(row, createdMs);
  const numbers = startMs === undefined ? ['-', '-', '-'] : [startMs, queueMs, runMs].map(Math.round);
  return [row.name, PROCESSOR_STATE[row.state], ...numbers, row.reason].join(' ').trimEnd();
}

export function timelineJson(row: TimelineRow, createdMs: number): object {
  const { name, state, reason, warning, instances, spans } = row;
  const { startMs, queueMs, runMs } = timesOf(row, createdMs);
  return {
    name,
    state: PROCESSOR_STATE[state],
    reason,
    ...(warning && { warning }),
    startMs: startMs ?? null,
    queueMs,
    runMs,
    ...(instances && { instances: countsOf(instances) }),
    attempts: spans
      .filter(({ attempt }) => attempt > 0)
      .map((span) => ({
        attempt: span.attempt,
        state: PROCESSOR_STATE[span.state],
        reason: span.reason,
        queuedMs: span.queuedMs - createdMs,
        startMs: span.startedMs - createdMs,
        endMs: span.state === ProcessorState.RUNNING ? null : span.endedMs - createdMs,
      })),
  };
}

function countsOf({ idle, running, failed, succeeded }: ProcessorCounts): object {
  return { idle, running, failed, succeeded };
}
