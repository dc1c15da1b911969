import type { Event, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { evolve, type RunMachine } from './run.ts';

/**
 * Events as plain literals of one shape. `create()` of protobuf-es walks the schema for each message, and there
 * are two events for each processor; for proto3 messages without unset presence a literal is the same thing.
 */
export function emit(run: RunMachine, unixMs: number, event: Event['event']): void {
  const entry: Event = { $typeName: 'wiz.v1.Event', seq: run.seq + 1, unixMs, event };
  evolve(run, entry);
  run.uncommitted.push(entry);
}

export function attemptStarted(
  processor: string,
  attempt: number,
  executorId: string,
  epoch: number,
): Event['event'] {
  return {
    case: 'attemptStarted',
    value: { $typeName: 'wiz.v1.AttemptStarted', processor, attempt, executorId, epoch },
  };
}

export function attemptEnded(
  report: Report,
  state: ProcessorState,
  reason: string,
  retryUnixMs = 0,
  warning = false,
): Event['event'] {
  return {
    case: 'attemptEnded',
    value: { $typeName: 'wiz.v1.AttemptEnded', report, state, reason, retryUnixMs, warning },
  };
}

export function processorEnded(
  processor: string,
  state: ProcessorState,
  reason: string,
  message: string,
): Event['event'] {
  return {
    case: 'processorEnded',
    value: { $typeName: 'wiz.v1.ProcessorEnded', processor, state, reason, message },
  };
}

export function progressMade(
  processor: string,
  attempt: number,
  fraction: number,
  message: string,
): Event['event'] {
  return {
    case: 'progressMade',
    value: { $typeName: 'wiz.v1.ProgressMade', processor, attempt, fraction, message },
  };
}

export function runCancelRequested(message: string): Event['event'] {
  return { case: 'runCancelRequested', value: { $typeName: 'wiz.v1.RunCancelRequested', message } };
}

export function runAdopted(managerId: string, epoch: number): Event['event'] {
  return { case: 'runAdopted', value: { $typeName: 'wiz.v1.RunAdopted', managerId, epoch } };
}

export function runResumed(processors: string[], specJson: string): Event['event'] {
  return { case: 'runResumed', value: { $typeName: 'wiz.v1.RunResumed', processors, specJson } };
}

export function runEnded(
  state: RunState,
  reason: string,
  message: string,
  warnings: string[],
): Event['event'] {
  return { case: 'runEnded', value: { $typeName: 'wiz.v1.RunEnded', state, reason, message, warnings } };
}

/** The report of an attempt that can give none itself: its executor is gone, or never got it. */
export function lostReport(processor: string, attempt: number, message: string, unixMs: number): Report {
  return {
    $typeName: 'wiz.v1.Report',
    processor,
    attempt,
    outcome: 2,
    reason: 'lost',
    failureClass: 2,
    message,
    exitCode: 0,
    signal: '',
    usage: undefined,
    output: undefined,
    context: {},
    startedUnixMs: 0,
    endedUnixMs: unixMs,
    logLines: 0,
  };
}
