import type { LogChunk, RunReports } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { LogStore } from '../store/logs.ts';

/**
 * Log chunks on their way from executors to the log store, and the reports that come behind them.
 *
 *   flowing --a chunk is written elsewhere--> writing --it is kept--> flowing
 *   flowing, writing --a chunk cannot be kept (the disk is full)--> held --all that waits is kept--> flowing
 *
 * While writing, what comes waits in its order, and is written together. While held, everything waits in the order it came and is tried again. Nothing of it is acknowledged, so executors
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

type ChunkEntry = { executorId: string; chunk: LogChunk; reports?: undefined };
type Entry = ChunkEntry | { executorId: string; chunk?: undefined; reports: RunReports[] };
type Kept = { executorId: string; chunk: LogChunk; offset: number };

export function createLogIntake(options: LogIntakeOptions): LogIntake {
  /** What waits, in its order. */
  let held: Entry[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing = false;
  let failing = false;
  let closed = false;

  function take(entries: Entry[]): void {
    held.push(...entries);
    if (timer === undefined && !writing) pass();
  }

  /** Everything up to the first chunk that is written elsewhere, or that cannot be. */
  function pass(): void {
    const entries = held;
    held = [];
    const kept: Kept[] = [];
    for (const [n, { executorId, chunk, reports }] of entries.entries()) {
      if (reports !== undefined) {
        options.reported(executorId, reports);
        continue;
      }
      try {
        const offset = options.logs.append(chunk);
        if (typeof offset === 'number') {
          kept.push({ executorId, chunk, offset });
          continue;
        }
        tell(kept);
        return write(entries.slice(n), offset);
      } catch (error) {
        tell(kept);
        return hold(entries.slice(n), error as Error);
      }
    }
    tell(kept);
    works();
  }

  /** The chunks up to the next reports, of which the first is being written, together. */
  function write(entries: Entry[], first: Promise<number>): void {
    writing = true;
    const end = entries.findIndex(({ reports }) => reports !== undefined);
    const chunks = (end < 0 ? entries : entries.slice(0, end)) as ChunkEntry[];
    held = entries.slice(chunks.length);
    const written = [first, ...chunks.slice(1).map(async ({ chunk }) => options.logs.append(chunk))];
    void Promise.allSettled(written).then((results) => {
      writing = false;
      if (closed) return;
      const failed = results.findIndex(({ status }) => status === 'rejected');
      const count = failed < 0 ? results.length : failed;
      const offsets = results as PromiseFulfilledResult<number>[];
      tell(chunks.slice(0, count).map((entry, n) => ({ ...entry, offset: offsets[n]!.value })));
      if (failed < 0) return pass();
      hold([...chunks.slice(failed), ...held], (results[failed] as PromiseRejectedResult).reason);
    });
  }

  function tell(kept: Kept[]): void {
    const byExecutor = Map.groupBy(kept, ({ executorId }) => executorId);
    for (const [executorId, list] of byExecutor) options.kept(executorId, list);
  }

  function hold(entries: Entry[], error: Error): void {
    held = entries;
    failing = true;
    timer = setTimeout(retry, RETRY_MS);
    options.failing(error);
  }

  function retry(): void {
    timer = undefined;
    pass();
  }

  function works(): void {
    if (!failing) return;
    failing = false;
    options.failing(undefined);
  }

  return {
    chunks: (executorId, chunks) => take(chunks.map((chunk) => ({ executorId, chunk }))),
    reports: (executorId, reports) => take([{ executorId, reports }]),
    close() {
      closed = true;
      clearTimeout(timer);
      held = [];
    },
  };
}
