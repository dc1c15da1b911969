import { create } from '@bufbuild/protobuf';
import { WizError } from '../../../proto/error.ts';
import { type LogChunk, LogChunkSchema } from '../../../proto/gen/wiz/v1/executors_pb.js';
import { openFileLogs } from '../file-logs.ts';
import type { Value } from './transfer.ts';

/** Logs as rows of LOGS, and the log files beside a SQLite store. */

export function chunkOf(row: Value[]): LogChunk {
  const [runId, processor, attempt, stream, offset, line, unixMs, data] = row;
  return create(LogChunkSchema, {
    runId: runId as string,
    processor: processor as string,
    attempt: attempt as number,
    stream: stream as number,
    offset: offset as number,
    line: line as number,
    unixMs: unixMs as number,
    data: data as Uint8Array<ArrayBuffer>,
  });
}

function rowOf(chunk: LogChunk): Value[] {
  const { runId, processor, attempt, stream, offset, line, unixMs, data } = chunk;
  return [runId, processor, attempt, stream, offset, line, unixMs, data];
}

/** What the attempts of these runs wrote. */
export async function* readLogFiles(home: string, runIds: Iterable<string>): AsyncGenerator<Value[]> {
  const logs = openFileLogs(home);
  for (const runId of runIds) {
    const attempts = await logs.list(runId);
    attempts.sort((a, b) => compared(a.processor, b.processor) || a.attempt - b.attempt);
    for (const { processor, attempt } of attempts) {
      const query = { runId, processor, attempt, streams: [], fromLine: 0, position: 0 };
      const kept = new Map<number, number>();
      for await (const chunk of logs.read(query)) {
        // Behind a gap (a file that is damaged) nothing could be put in its place: it ends there.
        if (chunk.offset !== (kept.get(chunk.stream) ?? 0)) continue;
        kept.set(chunk.stream, chunk.offset + chunk.data.length);
        yield rowOf(chunk);
      }
    }
  }
}

/** As PostgreSQL compares texts of the collation "C". */
function compared(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export interface LogFiles {
  write(row: Value[]): void;
  close(): Promise<void>;
}

/** Writes log files under a folder. */
export function writeLogFiles(home: string): LogFiles {
  const logs = openFileLogs(home);
  let last: LogChunk | undefined;
  const finish = () => last && logs.finish(last.runId, last.processor, last.attempt);
  return {
    write(row) {
      const chunk = chunkOf(row);
      if (
        last?.runId !== chunk.runId ||
        last.processor !== chunk.processor ||
        last.attempt !== chunk.attempt
      ) {
        finish();
      }
      last = chunk;
      const kept = logs.append(chunk);
      if (kept !== chunk.offset + chunk.data.length) throw gapError(chunk);
    },
    async close() {
      finish();
      await logs.close();
    },
  };
}

export function gapError({ runId, processor, attempt, offset }: LogChunk): WizError {
  return new WizError(
    'unavailable',
    `The log of ${processor}#${attempt} of run ${runId} has a gap before byte ${offset}: it is damaged.`,
  );
}
