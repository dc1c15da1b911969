import type { LogChunk } from '../../../proto/gen/wiz/v1/executors_pb.js';
import { type Frame, framesOf, streamOf } from '../logs/frame.ts';
import { joined } from './commit-statement.ts';
import type { Connection } from './connection.ts';
import { codeOf } from './errors.ts';
import { numbers, texts } from './literals.ts';
import { type AttemptName, type LogEnd, readEnds } from './log-ends.ts';

/**
 * Writes chunks of logs. One statement at a time is under way, with all that was appended while the one before was; so
 * that with more load the statements get larger, not more.
 *
 *   unknown --first chunk: its end is read--> known --written, forgotten, or the longest unused of many--> unknown
 *
 * What is known may be wrong: a manager that does not know yet that it lost the run writes to the same attempt. Then the
 * place of a chunk is taken, nothing of the statement is stored, and the ends are read anew.
 */
export interface LogWriter {
  append(chunk: LogChunk): Promise<number>;
  /** Undefined when the attempt is unknown here. */
  lastLine(runId: string, processor: string, attempt: number): string | undefined;
  forget(runId: string, processor: string, attempt: number): void;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

/** Attempts whose ends are remembered: about 4 KB each at most. */
const MOST_KNOWN = 10_000;
/** Bytes of one statement, about. */
const BYTES_AT_ONCE = 4 << 20;
/** Bytes of data in a row: what a reader holds is a page of them. */
const ROW_BYTES = 64 * 1024;
const TAKEN = '23505';

export const INSERT_CHUNKS = `INSERT INTO log_chunks (run_id, processor, attempt, position, stream, byte_offset, line, line_feeds,
    unix_ms, other_offset, data)
  SELECT i.run_id, i.processor, i.attempt, i.position, i.stream, i.byte_offset, i.line, i.line_feeds, i.unix_ms,
    i.other_offset, substring(all_data.bytes FROM i.start FOR i.length)
  FROM unnest($1::text[], $2::text[], $3::int4[], $4::int4[], $5::int4[], $6::float8[], $7::float8[], $8::int4[],
    $9::float8[], $10::float8[], $11::int4[], $12::int4[]) AS i (run_id, processor, attempt, position, stream,
    byte_offset, line, line_feeds, unix_ms, other_offset, start, length), (SELECT $13::bytea AS bytes) AS all_data`;

interface Pending {
  chunk: LogChunk;
  resolve(offset: number): void;
  reject(error: unknown): void;
}

export interface NewRow extends Frame {
  name: AttemptName;
  position: number;
  data: Uint8Array;
}

export function createLogWriter(connection: Connection): LogWriter {
  const known = new Map<string, LogEnd>();
  const pending: Pending[] = [];
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    // What comes in the same turn of the event loop goes with it.
    await new Promise((resolve) => setImmediate(resolve));
    while (pending.length > 0) {
      const batch = takeBatch();
      try {
        const offsets = await connection.patiently(() => write(batch.map(({ chunk }) => chunk)));
        for (const [n, { resolve }] of batch.entries()) resolve(offsets[n]!);
      } catch (error) {
        for (const { chunk } of batch) known.delete(keyOf(chunk));
        for (const { reject } of batch) reject(error);
      }
    }
    flushing = undefined;
  }

  function takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < pending.length && bytes < BYTES_AT_ONCE) bytes += pending[count++]!.chunk.data.length;
    return pending.splice(0, count);
  }

  /** Returns up to which offset the stream of each chunk is kept then. */
  async function write(chunks: LogChunk[]): Promise<number[]> {
    const next = await load(chunks);
    const rows: NewRow[] = [];
    const offsets = chunks.map((chunk) => {
      const key = keyOf(chunk);
      const before = next.get(key)!;
      const { kept, position } = before;
      const end = { kept: { ...kept }, position, ends: before.ends };
      next.set(key, end);
      rows.push(...rowsOf(chunk, end));
      return end.kept[streamOf(chunk)];
    });
    if (rows.length > 0) {
      try {
        await connection.once.query(INSERT_CHUNKS, valuesOf(rows));
      } catch (error) {
        for (const chunk of chunks) known.delete(keyOf(chunk));
        // Somebody else wrote there, or this did and got no answer.
        if (codeOf(error) === TAKEN) return write(chunks);
        throw error;
      }
    }
    for (const { name, stream, data } of rows) next.get(keyOf(name))!.ends.append(stream, data);
    for (const [key, end] of next) remember(key, end);
    return offsets;
  }

  /** The ends of their attempts. Those that are known are taken first: they may be forgotten while others are read. */
  async function load(chunks: LogChunk[]): Promise<Map<string, LogEnd>> {
    const ends = new Map<string, LogEnd>();
    const unknown = new Map<string, LogChunk>();
    for (const chunk of chunks) {
      const key = keyOf(chunk);
      const end = known.get(key);
      if (end === undefined) unknown.set(key, chunk);
      else ends.set(key, end);
    }
    const read = await readEnds(connection, [...unknown.values()]);
    for (const [n, key] of [...unknown.keys()].entries()) ends.set(key, read[n]!);
    return ends;
  }

  function remember(key: string, end: LogEnd): void {
    known.delete(key);
    known.set(key, end);
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!);
  }

  return {
    append(chunk) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      pending.push({ chunk, resolve, reject });
      flushing ??= flush();
      return promise;
    },
    lastLine: (runId, processor, attempt) => known.get(keyOf({ runId, processor, attempt }))?.ends.lastLine(),
    forget: (runId, processor, attempt) => void known.delete(keyOf({ runId, processor, attempt })),
    async close() {
      await flushing;
      known.clear();
    },
  };
}

function keyOf({ runId, processor, attempt }: AttemptName): string {
  return `${runId}/${processor}/${attempt}`;
}

/** What is new of the chunk, in pieces; `end` is moved on. */
export function rowsOf(chunk: LogChunk, end: LogEnd): NewRow[] {
  const rows: NewRow[] = [];
  for (const { frame, data } of framesOf(chunk, end.kept, ROW_BYTES)) {
    end.position += 1;
    rows.push({ ...frame, name: chunk, position: end.position, data });
  }
  return rows;
}

export function valuesOf(rows: NewRow[]): (string | Uint8Array)[] {
  const { starts, lengths, bytes } = joined(rows.map(({ data }) => data));
  return [
    texts(rows.map(({ name }) => name.runId)),
    texts(rows.map(({ name }) => name.processor)),
    numbers(rows.map(({ name }) => name.attempt)),
    numbers(rows.map(({ position }) => position)),
    numbers(rows.map(({ stream }) => stream)),
    numbers(rows.map(({ offset }) => offset)),
    numbers(rows.map(({ line }) => line)),
    numbers(rows.map(({ lineFeeds }) => lineFeeds)),
    numbers(rows.map(({ unixMs }) => unixMs)),
    numbers(rows.map(({ otherOffset }) => otherOffset)),
    starts,
    lengths,
    bytes,
  ];
}
