import os from 'node:os';
import { create } from '@bufbuild/protobuf';
import { type File, UsageSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  type Assignment,
  FailureClass,
  Outcome,
  type Report,
  ReportSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Output } from '../data/kept-values.ts';
import type { AttemptLog } from './attempt-log.ts';
import type { ProgramExit } from './frames.ts';
import type { StartFailure } from './lookup.ts';

/** How an attempt ended, before its measures are added. */
export type Ending =
  | { outcome: Outcome.SUCCEEDED; output: Output; context: Record<string, string>; files: File[] }
  | FailedEnding;

interface FailedEnding {
  outcome: Outcome.FAILED;
  reason: string;
  message: string;
  failureClass: FailureClass;
  exitCode?: number;
  signal?: string;
}

export function failed(failure: StartFailure): FailedEnding {
  return {
    outcome: Outcome.FAILED,
    reason: failure.reason,
    message: failure.message,
    failureClass: failure.infra ? FailureClass.INFRA : FailureClass.APP,
  };
}

/** Ended by wiz: by a person's will, a time-out, or for a reason that is not the program's fault. */
export function stopped({ reason, message }: StartFailure, exit: ProgramExit | undefined): Ending {
  let failureClass = FailureClass.INFRA;
  if (reason === 'timeout' || reason === 'cancelled') failureClass = FailureClass.APP;
  if (reason === 'preempted') failureClass = FailureClass.PREEMPTED;
  return { outcome: Outcome.FAILED, reason, message, failureClass, ...exitOf(exit) };
}

/** What its exit says, undefined when that is success. */
export function failureOf(exit: ProgramExit): Ending | undefined {
  if (exit.signal === 0 && exit.code === 0) return undefined;
  const failure =
    exit.signal === 0
      ? { reason: 'exit-code', message: `exited with code ${exit.code}` }
      : { reason: 'signal', message: `ended by ${signalName(exit.signal)}` };
  return { ...failed(failure), ...exitOf(exit) };
}

/** What was measured of an attempt; without an exit it was never started. */
export interface Measured {
  exit: ProgramExit | undefined;
  log: AttemptLog;
  startedMs: number;
  /** Of WIZ_INPUT. */
  inputBytes: number;
}

export function reportOf(
  assignment: Assignment,
  ending: Ending,
  { exit, log, startedMs, inputBytes }: Measured,
): Report {
  const output = ending.outcome === Outcome.SUCCEEDED ? ending.output : undefined;
  return create(ReportSchema, {
    ...ending,
    processor: assignment.processor,
    attempt: assignment.attempt,
    output: output?.data,
    usage: create(UsageSchema, {
      userCpuMs: exit?.userCpuMs,
      systemCpuMs: exit?.systemCpuMs,
      peakMemoryBytes: exit?.peakMemoryBytes,
      inputBytes,
      outputBytes: output?.bytes,
      stdoutBytes: log.bytes('stdout'),
      stderrBytes: log.bytes('stderr'),
    }),
    startedUnixMs: exit?.startedMs ?? startedMs,
    endedUnixMs: exit?.endedMs ?? Date.now(),
    logLines: log.lines(),
  });
}

/** Of an attempt that came to nothing before anything was started. */
export function reportOfRefusal({ processor, attempt }: Assignment, failure: StartFailure): Report {
  const now = Date.now();
  return create(ReportSchema, {
    ...failed(failure),
    processor,
    attempt,
    startedUnixMs: now,
    endedUnixMs: now,
  });
}

function exitOf(exit: ProgramExit | undefined): { exitCode: number; signal: string } {
  if (exit === undefined) return { exitCode: 0, signal: '' };
  return { exitCode: Math.max(0, exit.code), signal: exit.signal === 0 ? '' : signalName(exit.signal) };
}

// Of two names for one number the first is the usual one: SIGABRT, not SIGIOT.
const signalNames = new Map(
  Object.entries(os.constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

function signalName(number: number): string {
  return signalNames.get(number) ?? `signal ${number}`;
}
