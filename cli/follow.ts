/**
 * Streams of the API that survive a break: they are asked for again from where they were. What was told before is
 * not told twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { LogChunk } from '../proto/gen/wiz/v1/executors_pb.js';
import type { FileService } from '../proto/gen/wiz/v1/files_pb.js';
import type { StreamLogsRequestSchema, WatchRunResponse } from '../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from './api.ts';

/** Milliseconds before the first new try, doubled each time, and how often without an answer between. */
const FIRST_WAIT_MS = 100;
const TRIES = 8;

/** Content of a file from its beginning. Ends early when the stream does again and again: hold it against the size. */
export async function* followDownload(
  files: Pick<Client<typeof FileService>, 'downloadFile'>,
  { hash, size }: { hash: string; size: number },
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  yield* again(
    async function* () {
      for await (const { data } of files.downloadFile({ hash, offset })) {
        offset += data.length;
        yield data;
      }
    },
    () => offset >= size,
  );
}

type Runs = Pick<Api['runs'], 'watchRun' | 'streamLogs'>;

/** Events of a run from a number on, until it has ended. Throws when the stream cannot be had again. */
export async function* followRun(
  runs: Runs,
  request: { runId: string; afterSeq: number; logTails: boolean },
  signal?: AbortSignal,
): AsyncGenerator<WatchRunResponse> {
  let afterSeq = request.afterSeq;
  let ended = false;
  yield* again(
    async function* () {
      for await (const response of runs.watchRun({ ...request, afterSeq }, { signal })) {
        for (const event of response.events) {
          if (event.seq > 0) afterSeq = Math.max(afterSeq, event.seq);
          if (event.event.case === 'runEnded') ended = true;
          if (event.event.case === 'runResumed') ended = false;
        }
        yield response;
      }
    },
    () => ended,
  );
}

/** Chunks of logs. Bytes that came before a break are cut off what comes after it. */
export async function* followLogs(
  runs: Runs,
  request: MessageInitShape<typeof StreamLogsRequestSchema>,
): AsyncGenerator<LogChunk> {
  const told = new Map<string, number>();
  yield* again(async function* () {
    for await (const { chunks } of runs.streamLogs(request)) {
      for (const chunk of chunks) {
        const key = `${chunk.processor} ${chunk.attempt} ${chunk.stream}`;
        const from = told.get(key) ?? chunk.offset;
        const end = chunk.offset + chunk.data.length;
        if (end <= from) continue;
        told.set(key, end);
        yield from > chunk.offset ? rest(chunk, from) : chunk;
      }
    }
  });
}

function rest(chunk: LogChunk, from: number): LogChunk {
  const cut = from - chunk.offset;
  const lines = chunk.data.subarray(0, cut).reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
  return { ...chunk, offset: from, line: chunk.line + lines, data: chunk.data.subarray(cut) };
}

/** Opens a stream again while it breaks; an answer in between starts the count anew. So it does when its credential ends on the
 *  way: a new call shows the one that has followed, and when there is none is told so. */
async function* again<T>(open: () => AsyncIterable<T>, enough = () => true): AsyncGenerator<T> {
  for (let tries = 0; ; tries++) {
    let hasBegun = false;
    try {
      for await (const item of open()) {
        tries = 0;
        hasBegun = true;
        yield item;
      }
      if (enough()) return;
      // Ended early without an error: as if it had broken.
      if (tries >= TRIES) return;
    } catch (error) {
      const code = error instanceof ConnectError ? error.code : undefined;
      const passes =
        code === Code.Unavailable || code === Code.Aborted || (code === Code.Unauthenticated && hasBegun);
      if (!passes || tries >= TRIES) throw error;
    }
    await sleep(FIRST_WAIT_MS * 2 ** tries);
  }
}
