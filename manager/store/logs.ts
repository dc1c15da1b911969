import type { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';

/**
 * Logs of attempts, kept where the store is (files beside SQLite, tables in PostgreSQL): byte for byte what the program wrote, by stream, with line numbers.
 * Appending is idempotent by offset, so that an executor may send again what it had no answer for.
 */
export interface LogStore {
  /** Writes what is new of the chunk. Returns the offset up to which the stream is kept now: smaller than the
   *  chunk's offset when something before it is missing. At once where that is cheap; otherwise what is appended
   *  meanwhile is written together. Throws WizError resource_exhausted when full. */
  append(chunk: LogChunk): number | Promise<number>;
  /** Chunks in the order they came, from a line on; ends at the end of what is kept. */
  read(query: LogQuery): AsyncIterable<LogChunk>;
  /** Attempts of a run that have a log, in no special order. */
  list(runId: string): Promise<{ processor: string; attempt: number; bytes: number }[]>;
  /** Of each attempt the last line that is not blank, of either stream; empty when there is none. For people, at most
   *  300 characters. */
  tails(runId: string, attempts: { processor: string; attempt: number }[]): Promise<string[]>;
  /** Forgets what is remembered of an attempt that ended. */
  finish(runId: string, processor: string, attempt: number): void;
  /** What was appended is written. */
  close(): Promise<void>;
}

export interface LogQuery {
  runId: string;
  processor: string;
  attempt: number;
  /** Empty is both. */
  streams: LogStream[];
  /** Lines of each stream with a number from this on; 0 is from the first. */
  fromLine: number;
  /** Go on there: the value of `position` after the last read, which only the store understands; 0 at first. */
  position: number;
  /** Told after each chunk: where to go on. */
  onPosition?: (position: number) => void;
}
