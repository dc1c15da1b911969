/**
 * Cuts chunks of logs into lines. A chunk may end in the middle of a line, and chunks of several streams come
 * mixed: what is begun is kept for each stream until its end comes.
 */
import { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';

export interface LogLine {
  processor: string;
  attempt: number;
  stream: 'stdout' | 'stderr';
  /** From 1, for each stream. */
  line: number;
  /** When its beginning was written. */
  unixMs: number;
  /** Without the newline. */
  text: Uint8Array;
}

/** A line that is longer is given in pieces, each under the same number: memory stays flat. */
const LONGEST_BYTES = 1_000_000;
const NEWLINE = 10;

export function createLineCutter() {
  const open = new Map<string, LogLine & { pieces: Uint8Array[]; bytes: number }>();

  function* cut(chunk: LogChunk): Generator<LogLine> {
    const key = `${chunk.processor} ${chunk.attempt} ${chunk.stream}`;
    let number = chunk.line;
    for (let from = 0; from < chunk.data.length; ) {
      const at = chunk.data.indexOf(NEWLINE, from);
      const piece = chunk.data.subarray(from, at === -1 ? undefined : at);
      const line = open.get(key) ?? begin(chunk, number);
      line.pieces.push(piece);
      line.bytes += piece.length;
      if (at !== -1 || line.bytes > LONGEST_BYTES) {
        open.delete(key);
        yield whole(line);
      } else {
        open.set(key, line);
      }
      if (at === -1) return;
      from = at + 1;
      number++;
    }
  }

  /** Lines without a newline at their end. */
  function* rest(): Generator<LogLine> {
    for (const line of open.values()) yield whole(line);
    open.clear();
  }

  return { cut, rest };
}

function begin({ processor, attempt, stream, unixMs }: LogChunk, line: number) {
  const name: LogLine['stream'] = stream === LogStream.STDERR ? 'stderr' : 'stdout';
  return {
    processor,
    attempt,
    stream: name,
    line,
    unixMs,
    text: new Uint8Array(),
    pieces: [],
    bytes: 0,
  } as LogLine & {
    pieces: Uint8Array[];
    bytes: number;
  };
}

function whole({ pieces, bytes: _, ...line }: LogLine & { pieces: Uint8Array[]; bytes: number }): LogLine {
  return { ...line, text: Buffer.concat(pieces) };
}
