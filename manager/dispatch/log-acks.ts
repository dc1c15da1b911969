import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LogAckSchema, LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';

/** The acknowledgements of what was kept: the last one of each stream says it all. */
export function logAcksOf(
  kept: { chunk: LogChunk; offset: number }[],
): MessageInitShape<typeof LogAckSchema>[] {
  const last = new Map<string, { chunk: LogChunk; offset: number }>();
  for (const entry of kept) {
    const { runId, processor, attempt, stream } = entry.chunk;
    last.set(`${runId} ${processor} ${attempt} ${stream}`, entry);
  }
  return [...last.values()].map(({ chunk: { runId, processor, attempt, stream }, offset }) => ({
    runId,
    processor,
    attempt,
    stream,
    offset,
  }));
}
