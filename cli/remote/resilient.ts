/**
 * Calls that outlive a restart of the daemon: what may be called twice is called again while the daemon does not answer,
 * and said so once. Streams that break after they have begun are gone on with by cli/follow.ts, which knows where.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { ConnectError, Interceptor, StreamResponse, UnaryRequest } from '@connectrpc/connect';
import type { StartRunRequest } from '../../proto/gen/wiz/v1/runs_pb.js';
import { newId } from '../../proto/ids.ts';
import { type Trouble, troubleOf } from './trouble.ts';

/** Milliseconds before the first new try, doubled up to MOST_MS; GIVE_UP_MS after the first failure it is told. A daemon restarts in
 *  half a second, and its place is taken by another one after 15. */
const FIRST_MS = 100;
const MOST_MS = 2000;
const GIVE_UP_MS = 20_000;
/** Milliseconds for a daemon that did not answer this process even once: a wrong address should not be waited for long. */
const NEVER_UP_MS = 5000;

export interface Resilience {
  url: string;
  /** Told once when a call has to wait, and when it goes on. */
  tell(text: string): void;
  /** Nothing is tried twice: a completion, a check. */
  impatient: boolean;
}

type AnyRequest = Parameters<ReturnType<Interceptor>>[0];

export function resilient({ url, tell, impatient }: Resilience): Interceptor {
  let hasAnswered = false;
  let down = false;

  function answered(): void {
    hasAnswered = true;
    if (down) tell(`${url} answers again.`);
    down = false;
  }

  function wait(trouble: Trouble): void {
    if (!down) tell(`${trouble.error.rawMessage.split(/\.(?: |$)/)[0]}. Trying again.`);
    down = true;
  }

  return (next) => async (request) => {
    const again = repeatable(request);
    const giveUp = impatient ? 0 : hasAnswered ? GIVE_UP_MS : NEVER_UP_MS;
    let sinceMs: number | undefined;
    for (let waitMs = FIRST_MS; ; waitMs = Math.min(2 * waitMs, MOST_MS)) {
      try {
        const response = await next(await again.request());
        answered();
        return response.stream ? explained(response, url, wait) : response;
      } catch (error) {
        const trouble = troubleOf(error, url, hasAnswered);
        sinceMs ??= performance.now();
        const isOver = performance.now() + waitMs - sinceMs > giveUp;
        const mayRepeat = trouble.passing && (trouble.unsent || again.allowed);
        if (!mayRepeat || isOver || request.signal.aborted) throw trouble.error;
        wait(trouble);
        await sleep(waitMs);
      }
    }
  };
}

/** Whether a call may be made twice, and the call to make. */
function repeatable(request: AnyRequest): { allowed: boolean; request(): Promise<AnyRequest> } {
  const { method } = request;
  const readsOnly = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  if (!request.stream) {
    const named = method.name === 'StartRun' && withRunId(request);
    return { allowed: readsOnly || named, request: async () => request };
  }
  // The message of a server stream is a stream of one, which can be read once.
  let messages: unknown[] | undefined;
  return {
    allowed: readsOnly && method.methodKind === 'server_streaming',
    async request() {
      messages ??= await Array.fromAsync(request.message as AsyncIterable<unknown>);
      return { ...request, message: listed(messages) } as AnyRequest;
    },
  };
}

async function* listed(messages: unknown[]): AsyncGenerator<unknown> {
  yield* messages;
}

/** A run gets its id here: the daemon answers a second call with the run of the first. */
function withRunId(request: UnaryRequest): boolean {
  const message = request.message as unknown as StartRunRequest;
  message.runId ||= newId();
  return true;
}

function explained(response: StreamResponse, url: string, wait: (trouble: Trouble) => void): StreamResponse {
  async function* messages(): AsyncGenerator<unknown> {
    try {
      yield* response.message as AsyncIterable<unknown>;
    } catch (error) {
      const trouble = troubleOf(error, url, true);
      if (trouble.passing) wait(trouble);
      throw trouble.error as ConnectError;
    }
  }
  return { ...response, message: messages() } as StreamResponse;
}
