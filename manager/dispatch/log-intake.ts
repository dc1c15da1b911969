import type { LogChunk, RunReports } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { LogStore } from '../store/logs.ts';

/**
 * Log chunks on their way from executors to the log store, and the reports that come behind them.
 *
 *   flowing --a chunk cannot be kept (the disk is full)--> held --all that waits is kept--> flowing
 *
 * While held, everything waits in the order it came and is tried again. Nothing of it is acknowledged, so executors
 * stop sending when their windows are full, and programs wait. Reports wait as well: the whole log of an attempt is
 * kept before its end is journaled, for then the executor forgets both.
 */
export interface LogIntake {
  chunks(executorId: string, chunks: LogChunk[]): void;
  reports(executorId: string, reports: RunReports[]): void;
  /** What is held is dropped: executors keep it for whoever comes next. */
  close(): void;
}

export interface LogIntakeOptions {
  logs: Pick<LogStore, 'append'>;
  /** Every chunk that came before is kept. */
  reported(executorId: string, reports: RunReports[]): void;
  /** Chunks of an executor that are kept now, and up to which offset of their stream. */
  kept(executorId: string, kept: { chunk: LogChunk; offset: number }[]): void;
  /** A log cannot be written; it is tried again. Undefined: it works again. */
  failing(error: Error | undefined): void;
}

/** Milliseconds between tries while held. */
const RETRY_MS = 500;

type Entry =
  | { executorId: string; chunk: LogChunk; reports?: undefined }
  | { executorId: string; chunk?: undefined; reports: RunReports[] };

export function createLogIntake(options: LogIntakeOptions): LogIntake {
  let held: Entry[] = [];
  let timer: NodeJS.Timeout | undefined;

  function take(entries: Entry[]): void {
    if (timer === undefined) pass(entries);
    else held.push(...entries);
  }

  function pass(entries: Entry[]): void {
    const kept = new Map<string, { chunk: LogChunk; offset: number }[]>();
    for (const [n, { executorId, chunk, reports }] of entries.entries()) {
      if (reports !== undefined) {
        options.reported(executorId, reports);
        continue;
      }
      try {
        const offset = options.logs.append(chunk);
        const list = kept.get(executorId);
        if (list === undefined) kept.set(executorId, [{ chunk, offset }]);
        else list.push({ chunk, offset });
      } catch (error) {
        held = entries.slice(n);
        timer = setTimeout(retry, RETRY_MS);
        options.failing(error as Error);
        break;
      }
    }
    for (const [executorId, list] of kept) options.kept(executorId, list);
  }

  function retry(): void {
    const entries = held;
    held = [];
    timer = undefined;
    pass(entries);
    if (timer === undefined) options.failing(undefined);
  }

  return {
    chunks: (executorId, chunks) => take(chunks.map((chunk) => ({ executorId, chunk }))),
    reports: (executorId, reports) => take([{ executorId, reports }]),
    close() {
      clearTimeout(timer);
      held = [];
    },
  };
}
