import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Log } from '../../proto/log.ts';
import { attemptSpanId, spanOfTrace } from '../../proto/trace-context.ts';
import type { RunMachine } from '../engine/run.ts';
import type { Observer } from './observer.ts';

/** Lines about runs: their beginning and end, and where `level` is debug every attempt. */
export function createRunLog(log: Log, { attempts }: { attempts: boolean }): Observer {
  return {
    created: ({ runId, pipeline, traceId }) => log.info('run started', { run: runId, pipeline, traceId }),
    journaled() {},
    storeFailing() {},
    committed(run, events) {
      for (const event of events) {
        if (event.event.case === 'runEnded') logEnd(log, run);
        else if (attempts) logAttempt(log, run, event);
      }
    },
  };
}

function logEnd(log: Log, run: RunMachine): void {
  const { runId, pipeline, state, reason, begunMs, endedMs, warnings } = run;
  log.info('run ended', {
    run: runId,
    pipeline,
    state: RunState[state].toLowerCase(),
    reason: reason || undefined,
    durationMs: endedMs - begunMs,
    warnings: warnings.length || undefined,
    traceId: spanOfTrace(run.trace)?.traceId,
  });
}

function logAttempt(log: Log, run: RunMachine, { event }: Event): void {
  const traceId = spanOfTrace(run.trace)?.traceId;
  const named = (processor: string, attempt: number) => ({
    run: run.runId,
    processor,
    attempt,
    traceId,
    spanId: traceId && attemptSpanId(run.runId, processor, attempt),
  });
  if (event.case === 'attemptStarted') {
    const { processor, attempt, executorId } = event.value;
    log.debug('attempt assigned', { ...named(processor, attempt), executor: executorId });
  } else if (event.case === 'attemptEnded') {
    const { processor, attempt, outcome, failureClass, startedUnixMs, endedUnixMs } = event.value.report!;
    const hasFailed = outcome === Outcome.FAILED;
    log.debug('attempt ended', {
      ...named(processor, attempt),
      outcome: hasFailed ? 'failed' : 'succeeded',
      reason: event.value.reason || undefined,
      failureClass: hasFailed ? FailureClass[failureClass].toLowerCase() : undefined,
      durationMs: startedUnixMs > 0 ? endedUnixMs - startedUnixMs : undefined,
    });
  }
}
