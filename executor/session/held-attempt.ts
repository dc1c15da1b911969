import { create } from '@bufbuild/protobuf';
import { FailureClass, Outcome, type Report, ReportSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptRequest, RunningAttempt } from '../program/attempt.ts';
import type { LogSpool } from './log-spool.ts';
import type { Owner } from './owner.ts';
import type { Slots } from './slots.ts';

export interface HeldRun {
  readonly runId: string;
  epoch: number;
  owner: Owner | undefined;
  /** When its last session closed, by the monotonic clock; meaningful without an owner. */
  unclaimedSince: number;
  /** It has, or may have, a staging folder here. */
  staged: boolean;
  /** It has ended while attempts were still here; whether its staging folder is kept. */
  ended: { keepStaging: boolean } | undefined;
  readonly attempts: Map<string, HeldAttempt>;
}

export interface HeldAttempt {
  readonly run: HeldRun;
  readonly processor: string;
  readonly attempt: number;
  /** Under which it was assigned, last. */
  epoch: number;
  phase: 'waiting' | 'running' | 'ended' | 'gone';
  slots: Slots<HeldAttempt> | undefined;
  request: AttemptRequest | undefined;
  running: RunningAttempt | undefined;
  /** Set when something is logged. */
  spool: LogSpool | undefined;
  progress: { fraction: number; message: string } | undefined;
  report: Report | undefined;
  /** The run goes on without it: nothing is said of it any more, and it is gone when it has ended. */
  superseded: boolean;
}

export function unfinished(run: HeldRun): boolean {
  for (const { phase } of run.attempts.values()) if (phase !== 'ended') return true;
  return false;
}

/** The report of one that was ended before it had a slot. */
export function neverStarted(
  attempt: HeldAttempt,
  reason: string,
  message: string,
  failureClass = FailureClass.APP,
): Report {
  const now = Date.now();
  return create(ReportSchema, {
    processor: attempt.processor,
    attempt: attempt.attempt,
    outcome: Outcome.FAILED,
    failureClass,
    reason,
    message,
    startedUnixMs: now,
    endedUnixMs: now,
  });
}
