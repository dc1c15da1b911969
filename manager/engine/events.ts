import type { CacheDecision, Data, File } from '../../proto/gen/wiz/v1/data_pb.js';
import type {
  Event,
  OutputFile,
  OutputRecords,
  ProcessorState,
  RunState,
} from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report, TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import { evolve } from './evolve.ts';
import type { RunMachine } from './run.ts';

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
  cache?: CacheDecision,
  inputs: File[] = NONE,
): Event['event'] {
  const value = { processor, attempt, executorId, epoch, inputs };
  return {
    case: 'attemptStarted',
    // An absent field is left out: the encoder looks at what is there.
    value: { $typeName: 'wiz.v1.AttemptStarted', ...value, ...(cache !== undefined && { cache }) },
  };
}

const NONE: never[] = [];

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
  warning = false,
): Event['event'] {
  return {
    case: 'processorEnded',
    value: { $typeName: 'wiz.v1.ProcessorEnded', processor, state, reason, message, warning },
  };
}

export function processorExpanded(processor: string, count: number): Event['event'] {
  return { case: 'processorExpanded', value: { $typeName: 'wiz.v1.ProcessorExpanded', processor, count } };
}

export function processorReused(
  processor: string,
  result: {
    cache: CacheDecision;
    output: Data | undefined;
    context: Record<string, string>;
    files: File[];
    inputs: File[];
  },
): Event['event'] {
  const { cache, output, context, files, inputs } = result;
  const value = { processor, cache, context, files, inputs, ...(output !== undefined && { output }) };
  return { case: 'processorReused', value: { $typeName: 'wiz.v1.ProcessorReused', ...value } };
}

export function outputsKept(files: OutputFile[], records: OutputRecords[]): Event['event'] {
  return { case: 'outputsKept', value: { $typeName: 'wiz.v1.OutputsKept', files, records } };
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

/** With what a run goes on. */
export interface Resumption {
  processors: string[];
  specJson: string;
  from: string[];
  trace?: TraceContext | undefined;
}

export function runResumed({ processors, specJson, from, trace }: Resumption): Event['event'] {
  const value = { processors, specJson, from, ...(trace !== undefined && { trace }) };
  return { case: 'runResumed', value: { $typeName: 'wiz.v1.RunResumed', ...value } };
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
/** `preempted`: its executor has given it back, and is well. */
export function lostReport(
  processor: string,
  attempt: number,
  message: string,
  unixMs: number,
  preempted = false,
): Report {
  return {
    $typeName: 'wiz.v1.Report',
    processor,
    attempt,
    outcome: 2,
    reason: preempted ? 'preempted' : 'lost',
    failureClass: preempted ? 3 : 2,
    message,
    exitCode: 0,
    signal: '',
    usage: undefined,
    output: undefined,
    context: {},
    startedUnixMs: 0,
    endedUnixMs: unixMs,
    logLines: 0,
    files: [],
  };
}
