import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { RawData, WebSocket } from 'ws';
import {
  RunService,
  type WatchRunRequest,
  WatchRunRequestSchema,
} from '../../../../proto/gen/wiz/v1/runs_pb.js';
import { errorJson } from '../answers.ts';
import type { Call, Caller, Calls } from '../call.ts';
import { jsonText } from '../json.ts';
import { CLOSE, close, closeCodeOf, send } from './stream.ts';

/**
 * Any number of runs watched on one connection. The client says {watch, afterSeq, logTails} and {unwatch}; it is told
 * {watch, events, tails} of each, in the end {watch, end} or {watch, error}. `watch` is what the client has called the run.
 */

/** Runs that one connection watches at once. */
const MOST_WATCHES = 1_000;

export function serveWatches(client: WebSocket, calls: Calls, caller: Caller, draining: AbortSignal): void {
  const watched = new Map<string, Call>();
  /** Asked for, and not let in yet, each with its request: meanwhile it may be let go of, and asked for again. */
  const opening = new Map<string, WatchRunRequest>();

  /** Undefined when it was let go of before it was let in. */
  async function open(request: WatchRunRequest): Promise<Call | undefined> {
    const { runId } = request;
    const isWanted = () => opening.get(runId) === request;
    opening.set(runId, request);
    try {
      const call = await calls.open(RunService.method.watchRun, caller);
      if (!isWanted()) return void call.end();
      watched.set(runId, call);
      return call;
    } catch (error) {
      if (isWanted()) throw error;
    } finally {
      if (isWanted()) opening.delete(runId);
    }
  }

  async function watch(request: WatchRunRequest): Promise<void> {
    const { runId } = request;
    if (watched.has(runId) || opening.has(runId)) throw wrong(`"${runId}" is being watched already.`);
    if (watched.size + opening.size >= MOST_WATCHES)
      throw new ConnectError(`One connection watches at most ${MOST_WATCHES} runs.`, Code.ResourceExhausted);
    const call = await open(request);
    if (call === undefined) return;
    const name = JSON.stringify(runId);
    try {
      for await (const message of await call.answers(request)) {
        const text = jsonText(RunService.method.watchRun.output, message);
        await send(client, text === '{}' ? `{"watch":${name}}` : `{"watch":${name},${text.slice(1)}`);
      }
      if (watched.get(runId) === call) await send(client, `{"watch":${name},"end":{}}`);
    } finally {
      if (watched.get(runId) === call) watched.delete(runId);
      call.end();
    }
  }

  async function take(data: RawData, isBinary: boolean): Promise<void> {
    let name: string | undefined;
    try {
      const asked = parseMessage(data, isBinary);
      name = asked.watch ?? asked.unwatch;
      if (asked.watch !== undefined) await watch(requestOf(asked.watch, asked));
      else {
        opening.delete(asked.unwatch!);
        const call = watched.get(asked.unwatch!);
        watched.delete(asked.unwatch!);
        call?.end();
      }
    } catch (error) {
      if (client.readyState !== client.OPEN) return;
      await send(
        client,
        JSON.stringify({ ...(name !== undefined && { watch: name }), error: errorJson(error) }),
      );
      if (ConnectError.from(error).code === Code.Unavailable) close(client, closeCodeOf(error));
    }
  }

  client.on('message', (data, isBinary) => void take(data, isBinary));
  // Those that watch are told by what they watch.
  const leave = () => {
    if (watched.size === 0) close(client, CLOSE.restart);
  };
  draining.addEventListener('abort', leave);
  client.once('close', () => {
    draining.removeEventListener('abort', leave);
    for (const call of watched.values()) call.end();
  });
}

interface Asked {
  watch?: string;
  unwatch?: string;
  afterSeq?: number;
  logTails?: boolean;
}

const KEYS = ['watch', 'unwatch', 'afterSeq', 'logTails'];

function parseMessage(data: RawData, isBinary: boolean): Asked {
  let asked: Record<string, unknown>;
  try {
    asked = isBinary ? undefined : JSON.parse(data.toString());
  } catch {
    throw wrong('A message is one JSON object.');
  }
  if (typeof asked !== 'object' || asked === null) throw wrong('A message is one JSON object.');
  const strange = Object.keys(asked).find((key) => !KEYS.includes(key));
  if (strange !== undefined) throw wrong(`A message has no "${strange}".`);
  const names = [asked.watch, asked.unwatch].filter((name) => name !== undefined);
  if (names.length !== 1 || typeof names[0] !== 'string')
    throw wrong('A message says {"watch": RUN} or {"unwatch": RUN}.');
  return asked as Asked;
}

function requestOf(runId: string, { afterSeq = 0, logTails = false }: Asked): WatchRunRequest {
  if (!Number.isInteger(afterSeq) || afterSeq < 0 || afterSeq > 0xffff_ffff || typeof logTails !== 'boolean')
    throw wrong('"afterSeq" is a sequence number, and "logTails" true or false.');
  return create(WatchRunRequestSchema, { runId, afterSeq, logTails });
}

function wrong(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
