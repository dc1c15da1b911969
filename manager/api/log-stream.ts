import { WizError } from '../../proto/error.ts';
import { type Event, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { StreamLogsRequest, StreamLogsResponse } from '../../proto/gen/wiz/v1/runs_pb.js';
import { readRun } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { nearest } from '../spec/nearest.ts';
import { findRun } from './run-service.ts';

/** Milliseconds between looks at a log that is followed. */
const FOLLOW_MS = 100;
/** Bytes of log in one message of the stream. */
const MESSAGE_BYTES = 256 * 1024;

interface Source {
  processor: string;
  attempt: number;
  position: number;
}

/** Logs of a run: of one attempt, or of the newest attempts of all processors in the order of the file. */
export async function* streamLogs(
  manager: Manager,
  request: StreamLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamLogsResponse> {
  const { runId } = await findRun(manager, request.runId);
  if (request.follow) return yield* follow(manager, request, runId, signal);
  const run = await readRun(manager.store, runId);
  const names = run.spec.processors.map(({ name }) => name);
  if (request.processor !== '') checkProcessor(runId, request.processor, names);
  for (const processor of request.processor === '' ? names : [request.processor]) {
    const last = run.graph.getNodeAttributes(processor).attempt;
    if (request.attempt > last && request.processor !== '') {
      const has = last === 0 ? 'has not been tried yet' : `has ${last} attempt${last === 1 ? '' : 's'}`;
      throw new WizError('not_found', `Processor "${processor}" of run ${runId} ${has}.`);
    }
    const attempt = request.attempt || last;
    if (attempt > 0) yield* drain(manager, request, runId, { processor, attempt, position: 0 });
    if (signal.aborted) return;
  }
}

function checkProcessor(runId: string, processor: string, names: string[]): void {
  if (names.includes(processor)) return;
  const near = nearest(processor, names);
  const hint = near === undefined ? `It has ${names.slice(0, 20).join(', ')}.` : `Did you mean "${near}"?`;
  throw new WizError('not_found', `Run ${runId} has no processor "${processor}". ${hint}`);
}

/** What is kept of a log from where the source stands. */
async function* drain(
  manager: Manager,
  request: StreamLogsRequest,
  runId: string,
  source: Source,
): AsyncGenerator<StreamLogsResponse> {
  let chunks: LogChunk[] = [];
  let bytes = 0;
  const { processor, attempt, position } = source;
  const query = {
    runId,
    processor,
    attempt,
    streams: request.streams,
    fromLine: request.fromLine,
    position,
    onPosition: (next: number) => {
      source.position = next;
    },
  };
  for await (const chunk of manager.logs.read(query)) {
    chunks.push(chunk);
    bytes += chunk.data.length;
    if (bytes < MESSAGE_BYTES) continue;
    yield { $typeName: 'wiz.v1.StreamLogsResponse', chunks };
    chunks = [];
    bytes = 0;
  }
  if (chunks.length > 0) yield { $typeName: 'wiz.v1.StreamLogsResponse', chunks };
}

/** Goes on as attempts start and write, until the run (or the one processor) has ended. */
async function* follow(
  manager: Manager,
  request: StreamLogsRequest,
  runId: string,
  signal: AbortSignal,
): AsyncGenerator<StreamLogsResponse> {
  const { spec } = await readRun(manager.store, runId);
  if (request.processor !== '') {
    checkProcessor(
      runId,
      request.processor,
      spec.processors.map(({ name }) => name),
    );
  }
  const open = new Map<string, Source>();
  const events = manager.watchers.watch(runId, 0, signal)[Symbol.asyncIterator]();
  try {
    let pending = events.next();
    while (!signal.aborted) {
      const result = await Promise.race([pending, wait(FOLLOW_MS)]);
      if (result?.done) break;
      const ended: string[] = [];
      if (result !== undefined) {
        pending = events.next();
        for (const event of result.value) note(event, request, open, ended);
      }
      // The whole log of an attempt is kept before its end is journaled.
      for (const source of open.values()) yield* drain(manager, request, runId, source);
      for (const key of ended) open.delete(key);
      if (endsFollowing(result?.value, request)) return;
    }
  } finally {
    await events.return?.();
  }
}

function note(event: Event, request: StreamLogsRequest, open: Map<string, Source>, ended: string[]): void {
  const { case: kind, value } = event.event;
  if (kind === 'attemptStarted') {
    const { processor, attempt } = value;
    if (request.processor !== '' && request.processor !== processor) return;
    if (request.attempt !== 0 && request.attempt !== attempt) return;
    open.set(`${processor} ${attempt}`, { processor, attempt, position: 0 });
  } else if (kind === 'attemptEnded') {
    ended.push(`${value.report!.processor} ${value.report!.attempt}`);
  }
}

/** One processor is followed to its last attempt, or to the one that was asked for. */
function endsFollowing(events: Event[] | undefined, request: StreamLogsRequest): boolean {
  if (events === undefined || request.processor === '') return false;
  return events.some(({ event }) => {
    if (event.case === 'processorEnded') return event.value.processor === request.processor;
    if (event.case !== 'attemptEnded' || event.value.report!.processor !== request.processor) return false;
    if (request.attempt !== 0) return event.value.report!.attempt === request.attempt;
    return event.value.state !== ProcessorState.IDLE;
  });
}

function wait(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}
