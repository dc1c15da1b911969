import type { Assignment, LogChunk, Report, TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import { attemptSpanId, type SpanName, spanOfTrace } from '../../proto/trace-context.ts';

/** One attempt as the session hands it to whatever carries it out. */
export interface AttemptRequest {
  runId: string;
  epoch: number;
  pipeline: string;
  /** Shared by the run's attempts; the assignment's own wins over it. */
  environment: Record<string, string>;
  assignment: Assignment;
  /** Absent when nobody traces the run. */
  trace?: TraceContext | undefined;
  /** Called when what it reads has been fetched and it begins. */
  staged?(): void;
}

/** The attempt's span, which its manager makes when it has ended. */
export function spanOf({ runId, trace, assignment }: AttemptRequest): SpanName | undefined {
  const parent = spanOfTrace(trace);
  if (parent === undefined) return undefined;
  return { ...parent, spanId: attemptSpanId(runId, assignment.processor, assignment.attempt) };
}

/** Where an attempt's log goes. `write` resolves when there is room for more: the back-pressure that reaches
 *  the program's pipe. */
export interface AttemptSink {
  log(chunk: LogChunk): Promise<void> | undefined;
  progress(fraction: number, message: string): void;
}

export interface RunningAttempt {
  /** Settles once, never rejects: every failure is a report. */
  readonly done: Promise<Report>;
  /** SIGTERM to the process group, SIGKILL after the grace; the report's reason is `reason`. */
  cancel(reason: string): void;
}
