import { WizError } from '../../proto/error.ts';
import { type Event, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { StreamLogsRequest, StreamLogsResponse } from '../../proto/gen/wiz/v1/runs_pb.js';
import { findTask, type RunMachine } from '../engine/run.ts';
import type { Task } from '../graph/processor-node.ts';
import { readRun } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { findRun } from './run-service.ts';
import { unknownProcessor } from './run-view.ts';

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
  for (const { name: processor, attempt: last } of tasksOf(run, request.processor)) {
    if (request.attempt > last && request.processor === processor) {
      const has = last === 0 ? 'has not been tried yet' : `has ${last} attempt${last === 1 ? '' : 's'}`;
      throw new WizError('not_found', `Processor "${processor}" of run ${runId} ${has}.`);
    }
    const attempt = request.attempt || last;
    if (attempt > 0) yield* drain(manager, request, runId, { processor, attempt, position: 0 });
    if (signal.aborted) return;
  }
}

/** What has logs: one task or, of a processor with instances, all of these in order; of the run all processors. */
function tasksOf(run: RunMachine, name: string): Task[] {
  if (name === '') return run.spec.processors.flatMap((processor) => tasksOf(run, processor.name));
  const task = findTask(run, name);
  if (task === undefined) throw unknownProcessor(run, name);
  const instances = task.index < 0 ? task.node.instances?.tasks : undefined;
  return instances ?? [task];
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
  const run = await readRun(manager.store, runId);
  // An instance may come to be only later.
  if (request.processor !== '') tasksOf(run, request.processor.replace(/\[\d+\]$/, ''));
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
    if (!isAskedFor(request, processor)) return;
    if (request.attempt !== 0 && request.attempt !== attempt) return;
    open.set(`${processor} ${attempt}`, { processor, attempt, position: 0 });
  } else if (kind === 'attemptEnded') {
    ended.push(`${value.report!.processor} ${value.report!.attempt}`);
  }
}

function isAskedFor({ processor: wanted }: StreamLogsRequest, name: string): boolean {
  return wanted === '' || wanted === name || name.startsWith(`${wanted}[`);
}

/** One processor is followed to its last attempt, or to the one that was asked for. */
function endsFollowing(events: Event[] | undefined, request: StreamLogsRequest): boolean {
  if (events === undefined || request.processor === '') return false;
  return events.some(({ event }) => {
    if (event.case === 'processorEnded' || event.case === 'processorReused')
      return event.value.processor === request.processor;
    if (event.case !== 'attemptEnded' || event.value.report!.processor !== request.processor) return false;
    if (request.attempt !== 0) return event.value.report!.attempt === request.attempt;
    return event.value.state !== ProcessorState.IDLE;
  });
}

function wait(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}
