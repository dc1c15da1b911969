import { create } from '@bufbuild/protobuf';
import { LogStream } from '../../../proto/gen/wiz/v1/data_pb.js';
import { type LogChunk, LogChunkSchema } from '../../../proto/gen/wiz/v1/executors_pb.js';
import type { LogQuery, LogStore } from '../logs.ts';

/** Chunks and queries as tests of logs need them: of build.1, stdout, with what a test names. */

interface ChunkParts {
  runId: string;
  processor?: string;
  attempt?: number;
  stream?: LogStream;
  offset?: number;
  line?: number;
  data: string | Uint8Array;
}

export function chunkOf(parts: ChunkParts): LogChunk {
  const { data } = parts;
  return create(LogChunkSchema, {
    processor: 'build',
    attempt: 1,
    stream: LogStream.STDOUT,
    line: 1,
    unixMs: 1_700_000_000_123,
    ...parts,
    data: typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data),
  });
}

export function queryOf(runId: string, change: Partial<LogQuery> = {}): LogQuery {
  return { runId, processor: 'build', attempt: 1, streams: [], fromLine: 0, position: 0, ...change };
}

export async function chunksOf(logs: LogStore, query: LogQuery): Promise<LogChunk[]> {
  const chunks: LogChunk[] = [];
  for await (const chunk of logs.read(query)) chunks.push(chunk);
  return chunks;
}

export function bytesOf(chunks: LogChunk[], stream: LogStream): Buffer {
  return Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.data));
}

export function textOf(chunks: LogChunk[], stream: LogStream = LogStream.STDOUT): string {
  return bytesOf(chunks, stream).toString('utf8');
}
