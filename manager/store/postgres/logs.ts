import { create } from '@bufbuild/protobuf';
import type { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { type LogChunk, LogChunkSchema } from '../../../proto/gen/wiz/v1/executors_pb.js';
import { afterLineFeeds } from '../logs/frame.ts';
import { checkLogNames } from '../logs/path.ts';
import type { LogQuery, LogStore } from '../logs.ts';
import type { Connection, Row } from './connection.ts';
import { numbers } from './literals.ts';
import { readEnds } from './log-ends.ts';
import { createLogWriter } from './log-writer.ts';

/** Logs as rows of chunks, which every manager reads, and writes on when it takes a run over. */

/** Chunks that are read at once; the largest have 64 KiB. */
const PAGE = 32;
const READ = `SELECT position, stream, byte_offset, line, unix_ms, data FROM log_chunks
  WHERE run_id = $1 AND processor = $2 AND attempt = $3 AND position > $4 AND line + line_feeds >= $5
    AND ($6::int4[] = '{}' OR stream = ANY ($6::int4[]))
  ORDER BY position LIMIT ${PAGE}`;
const LIST = `SELECT processor, attempt, sum(octet_length(data))::float8 AS bytes FROM log_chunks WHERE run_id = $1
  GROUP BY processor, attempt`;

export function openPostgresLogs(connection: Connection): LogStore {
  const writer = createLogWriter(connection);
  return {
    append(chunk) {
      checkLogNames(chunk.runId, chunk.processor, chunk.attempt);
      return writer.append(chunk);
    },

    read(query) {
      checkLogNames(query.runId, query.processor, query.attempt);
      return readChunks(connection, query);
    },

    async list(runId) {
      return (await connection.query(LIST, [runId])).map((row) => ({
        processor: row.processor as string,
        attempt: row.attempt as number,
        bytes: row.bytes as number,
      }));
    },

    async tails(runId, attempts) {
      for (const { processor, attempt } of attempts) checkLogNames(runId, processor, attempt);
      const known = attempts.map(({ processor, attempt }) => writer.lastLine(runId, processor, attempt));
      const unknown = attempts.filter((_, n) => known[n] === undefined);
      const read = await readEnds(
        connection,
        unknown.map((attempt) => ({ runId, ...attempt })),
      );
      const lines = read.map(({ ends }) => ends.lastLine());
      return known.map((line) => line ?? lines.shift()!);
    },

    finish: (runId, processor, attempt) => writer.forget(runId, processor, attempt),
    close: () => writer.close(),
  };
}

async function* readChunks(connection: Connection, query: LogQuery): AsyncGenerator<LogChunk> {
  const { runId, processor, attempt, fromLine } = query;
  let { position } = query;
  for (;;) {
    const rows = await connection.query(READ, [
      runId,
      processor,
      attempt,
      position,
      fromLine,
      numbers(query.streams),
    ]);
    for (const row of rows) {
      const chunk = cut(row, query);
      position = row.position as number;
      if (chunk !== undefined) yield chunk;
      query.onPosition?.(position);
    }
    if (rows.length < PAGE) return;
  }
}

/** Without what comes before the wanted line; undefined when nothing is left. */
function cut(row: Row, { runId, processor, attempt, fromLine }: LogQuery): LogChunk | undefined {
  const data = row.data as Uint8Array;
  const line = row.line as number;
  const start = line < fromLine ? afterLineFeeds(data, fromLine - line) : 0;
  if (start >= data.length) return undefined;
  return create(LogChunkSchema, {
    runId,
    processor,
    attempt,
    stream: row.stream as LogStream,
    offset: (row.byte_offset as number) + start,
    line: Math.max(line, fromLine),
    data: new Uint8Array(data.subarray(start)),
    unixMs: row.unix_ms as number,
  });
}
