import type { AttemptEnded } from '../../proto/gen/wiz/v1/events_pb.js';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Spans } from '../../proto/spans.ts';
import { attemptSpanId, runSpanId, type SpanName, spanOfTrace } from '../../proto/trace-context.ts';
import { findTask, type RunMachine } from '../engine/run.ts';
import type { Observer } from './observer.ts';

/**
 * The spans of runs and of their attempts. They are made when they have ended, with the times that the journal has, by the
 * manager whose commit held: however many managers a run has had, each is made once. Nothing waits for them; one that was
 * made and not sent when its manager was killed is missing.
 */
export function createRunSpans(spans: Spans): Observer {
  return {
    created() {},
    journaled() {},
    storeFailing() {},
    committed(run, events) {
      const caller = spanOfTrace(run.trace);
      if (caller === undefined) return;
      const own: SpanName = { ...caller, spanId: runSpanId(run.runId, run.begunSeq) };
      for (const { event, unixMs } of events) {
        if (event.case === 'attemptEnded') addAttempt(spans, own, run, event.value, unixMs);
        else if (event.case === 'runEnded') addRun(spans, own, caller, run, unixMs);
      }
    },
  };
}

function addAttempt(
  spans: Spans,
  parent: SpanName,
  run: RunMachine,
  { report, reason }: AttemptEnded,
  endMs: number,
): void {
  const { processor, attempt, outcome, failureClass, exitCode, signal, message } = report!;
  const record = findTask(run, processor)?.attempts.find((one) => one.attempt === attempt);
  if (record === undefined) return;
  const hasFailed = outcome === Outcome.FAILED;
  spans.add({
    name: processor,
    spanId: attemptSpanId(run.runId, processor, attempt),
    parent,
    startMs: record.assignedMs,
    endMs,
    error: hasFailed ? message || reason : undefined,
    attributes: {
      'wiz.run': run.runId,
      'wiz.pipeline': run.pipeline,
      'wiz.processor': processor,
      'wiz.attempt': attempt,
      'wiz.executor': record.executorId,
      'wiz.ready_unix_ms': record.readyMs || undefined,
      'wiz.started_unix_ms': report!.startedUnixMs || undefined,
      'wiz.reason': reason || undefined,
      'wiz.failure_class': hasFailed ? FailureClass[failureClass].toLowerCase() : undefined,
      'process.exit.code': hasFailed ? exitCode : undefined,
      'wiz.signal': signal || undefined,
    },
  });
}

function addRun(spans: Spans, own: SpanName, parent: SpanName, run: RunMachine, endMs: number): void {
  const { runId, pipeline, version, state, reason, message, begunMs, managerId } = run;
  spans.add({
    name: `run ${pipeline}`,
    spanId: own.spanId,
    parent,
    startMs: begunMs,
    endMs,
    error: state === RunState.FAILED ? message || reason : undefined,
    attributes: {
      'wiz.run': runId,
      'wiz.pipeline': pipeline,
      'wiz.version': version || undefined,
      'wiz.manager': managerId ?? undefined,
      'wiz.reason': reason,
      'wiz.processors.succeeded': run.succeeded,
      'wiz.processors.failed': run.failed,
    },
  });
}
