import { create } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { inParallel } from '../../files/parallel.ts';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  FailureClass,
  Outcome,
  type Report,
  ReportSchema,
  type RunAttempts,
  type RunReports,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Log } from '../observe/log.ts';
import type { Dial } from './dial.ts';
import type { FileCalls, OpenFileCalls } from './file-calls.ts';
import { createFileGiver, type FileGiver } from './file-giver.ts';
import { createFileReader, type FileReader } from './file-reader.ts';

/**
 * Files between the manager's store and those of executors that have another one.
 *
 * A report that names files, of such an executor, is
 *   waiting   its files are being read into the manager's store; reports of other attempts, and without files, pass
 *   passed    they are all there; it goes on as it came, or as that of a failure (`file-lost`) when they cannot be had
 *   dropped   the executor is gone: the attempt is lost. Of an attempt that is cancelled the end is that
 * Nothing of it is journaled or acknowledged before it has passed, so the executor keeps report and files for whatever
 * manager comes next.
 *
 * What an executor wants is given as it asks, and what is not here is said.
 */
export interface FileTransfer {
  /** A session to the executor is there; its file store is this one. */
  joined(executor: Dial & { executorId: string }, storeId: string): void;
  /** The session broke: files on their way go on over a new connection. */
  broken(executorId: string): void;
  /** The executor is gone. */
  lost(executorId: string): void;
  reports(executorId: string, reports: RunReports[]): void;
  /** These attempts are being cancelled. */
  cancelled(executorId: string, attempts: RunAttempts[]): void;
  wanted(executorId: string, hashes: string[]): void;
  close(): void;
}

export interface FileTransferOptions {
  store: FileStore;
  open: OpenFileCalls;
  /** Reports whose files are in the store. */
  reported(executorId: string, reports: RunReports[]): void;
  /** Whether reports of this run are for this manager. */
  holds(runId: string): boolean;
  sayAbsent(executorId: string, hash: string): void;
  /** The store cannot be written; it is tried again. Undefined: it works again. */
  failing(error: Error | undefined): void;
  log: Log;
}

/** Of one report; objects are bounded for each executor. */
const FILES_AT_ONCE = 64;

interface Executor {
  executorId: string;
  inSession: boolean;
  calls: FileCalls;
  reader: FileReader;
  giver: FileGiver;
  /** By run, processor and attempt. */
  waiting: Map<string, WaitingReport>;
  ending: AbortController;
}

interface WaitingReport {
  runId: string;
  epoch: number;
  report: Report;
  ending: AbortController;
}

export function createFileTransfer(options: FileTransferOptions): FileTransfer {
  const { store } = options;
  /** Those that do not share the store. */
  const executors = new Map<string, Executor>();
  /** What the store does not take. */
  const troubles = new Map<string, Error>();

  function failing(hash: string, error: Error | undefined): void {
    if (error === undefined) troubles.delete(hash);
    else troubles.set(hash, error);
    options.failing(troubles.values().next().value);
  }

  function meet(executor: Dial & { executorId: string }): Executor {
    const { executorId } = executor;
    const calls = options.open(executor);
    const known: Executor = {
      executorId,
      inSession: true,
      calls,
      reader: createFileReader({ store, calls, inSession: () => known.inSession, failing }),
      giver: createFileGiver({
        store,
        calls,
        absent: (hash) => options.sayAbsent(executorId, hash),
        gaveUp: (hash, error) =>
          options.log.warn('a file was not given to an executor', {
            executor: executorId,
            file: hash,
            error,
          }),
      }),
      waiting: new Map(),
      ending: new AbortController(),
    };
    executors.set(executorId, known);
    return known;
  }

  function wait(executor: Executor, { runId, epoch }: RunReports, report: Report): void {
    const key = keyOf(runId, report);
    const there = executor.waiting.get(key);
    // Told again, in a new session.
    if (there !== undefined) return void Object.assign(there, { epoch, report });
    const waiting: WaitingReport = { runId, epoch, report, ending: new AbortController() };
    executor.waiting.set(key, waiting);
    const signal = AbortSignal.any([executor.ending.signal, waiting.ending.signal]);
    inParallel(filesOf(report), FILES_AT_ONCE, (file) => executor.reader.bring(file, signal)).then(
      () => pass(executor, waiting, waiting.report),
      (error) => {
        if (!signal.aborted)
          pass(executor, waiting, failedReport(waiting.report, 'file-lost', error.message));
      },
    );
  }

  function pass(executor: Executor, { runId, epoch, report }: WaitingReport, end: Report): void {
    if (!executor.waiting.delete(keyOf(runId, report))) return;
    options.reported(executor.executorId, [{ $typeName: 'wiz.v1.RunReports', runId, epoch, reports: [end] }]);
  }

  function drop(executor: Executor): void {
    executors.delete(executor.executorId);
    executor.ending.abort(new Error('the executor is gone'));
    executor.waiting.clear();
    executor.calls.reset();
  }

  return {
    joined(row, storeId) {
      const known = executors.get(row.executorId);
      if (storeId === store.id) {
        if (known !== undefined) drop(known);
      } else if (known === undefined) meet(row);
      else known.inSession = true;
    },
    broken(executorId) {
      const executor = executors.get(executorId);
      if (executor === undefined) return;
      executor.inSession = false;
      executor.calls.reset();
    },
    lost(executorId) {
      const executor = executors.get(executorId);
      if (executor !== undefined) drop(executor);
    },
    reports(executorId, groups) {
      const executor = executors.get(executorId);
      if (executor === undefined) return options.reported(executorId, groups);
      const ready: RunReports[] = [];
      for (const group of groups) {
        const waits = (report: Report) => namesFiles(report) && options.holds(group.runId);
        const passing = group.reports.filter((report) => !waits(report));
        if (passing.length > 0) ready.push({ ...group, reports: passing });
        for (const report of group.reports) if (waits(report)) wait(executor, group, report);
      }
      if (ready.length > 0) options.reported(executorId, ready);
    },
    cancelled(executorId, groups) {
      const executor = executors.get(executorId);
      if (executor === undefined || executor.waiting.size === 0) return;
      for (const { runId, attempts } of groups) {
        for (const attempt of attempts) {
          const waiting = executor.waiting.get(keyOf(runId, attempt));
          if (waiting === undefined) continue;
          waiting.ending.abort(new Error('it was cancelled'));
          const message = 'It was cancelled while its files were on their way.';
          pass(executor, waiting, failedReport(waiting.report, 'cancelled', message, FailureClass.APP));
        }
      }
    },
    wanted(executorId, hashes) {
      const executor = executors.get(executorId);
      if (executor !== undefined) executor.giver.give(hashes, executor.ending.signal);
      // It shares the store, so that nothing could be given.
      else for (const hash of hashes) options.sayAbsent(executorId, hash);
    },
    close() {
      for (const executor of executors.values()) drop(executor);
    },
  };
}

function keyOf(runId: string, { processor, attempt }: { processor: string; attempt: number }): string {
  return `${runId} ${processor} ${attempt}`;
}

function namesFiles({ files, output }: Report): boolean {
  return files.length > 0 || output?.value.case === 'file';
}

function filesOf({ files, output }: Report): File[] {
  return output?.value.case === 'file' ? [...files, output.value.value] : files;
}

/** The end of an attempt whose files will not be here. */
function failedReport(
  { processor, attempt, usage, startedUnixMs, endedUnixMs, logLines }: Report,
  reason: string,
  message: string,
  failureClass = FailureClass.INFRA,
): Report {
  const ended = { processor, attempt, usage, startedUnixMs, endedUnixMs, logLines };
  return create(ReportSchema, { ...ended, outcome: Outcome.FAILED, reason, failureClass, message });
}
