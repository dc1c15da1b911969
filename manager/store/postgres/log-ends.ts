import type { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { StreamEnds } from '../logs/end.ts';
import { type Kept, keptBytes } from '../logs/frame.ts';
import type { Connection } from './connection.ts';
import { numbers, texts } from './literals.ts';

/** What is kept of an attempt, and how it ends. */
export interface LogEnd {
  kept: Kept;
  /** Of the last chunk; 0 when there is none. */
  position: number;
  ends: StreamEnds;
}

export interface AttemptName {
  runId: string;
  processor: string;
  attempt: number;
}

/** Chunks, and bytes of each, that are looked at for the last lines. */
const CHUNKS_BACK = 16;
const END_BYTES = 2_048;

const ENDS = `SELECT i.n::int4 AS n, c.*
  FROM unnest($1::text[], $2::text[], $3::int4[]) WITH ORDINALITY AS i (run_id, processor, attempt, n)
  CROSS JOIN LATERAL (
    SELECT position, stream, byte_offset, other_offset, octet_length(data) AS length,
      substring(data FROM greatest(octet_length(data) - ${END_BYTES - 1}, 1)) AS data_end
    FROM log_chunks AS l
    WHERE l.run_id = i.run_id AND l.processor = i.processor AND l.attempt = i.attempt
    ORDER BY position DESC LIMIT ${CHUNKS_BACK}) AS c
  ORDER BY i.n, c.position`;

/** In the order of the attempts. */
export async function readEnds(connection: Connection, attempts: AttemptName[]): Promise<LogEnd[]> {
  const found: LogEnd[] = attempts.map(() => ({
    kept: { stdout: 0, stderr: 0 },
    position: 0,
    ends: new StreamEnds(),
  }));
  if (attempts.length === 0) return found;
  const rows = await connection.query(ENDS, [
    texts(attempts.map(({ runId }) => runId)),
    texts(attempts.map(({ processor }) => processor)),
    numbers(attempts.map(({ attempt }) => attempt)),
  ]);
  for (const row of rows) {
    const end = found[(row.n as number) - 1]!;
    const stream = row.stream as LogStream;
    end.position = row.position as number;
    end.ends.append(stream, row.data_end as Uint8Array);
    end.kept = keptBytes({
      stream,
      length: row.length as number,
      offset: row.byte_offset as number,
      otherOffset: row.other_offset as number,
    });
  }
  return found;
}
