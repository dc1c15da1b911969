import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';

/**
 * How streams end that are not at their end: when the port drains, and at a deadline. Handlers just return when their
 * signal is aborted; to the client that would look like the end of what it watches.
 */
export function endings(draining: AbortSignal): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) return response;
    return { ...response, message: untilDrained(response.message, draining, request.signal) };
  };
}

/** The client may try again at once: elsewhere, or here after the restart. */
export function restarting(): ConnectError {
  return new ConnectError('This manager is shutting down. Try again.', Code.Unavailable);
}

async function* untilDrained<T>(
  messages: AsyncIterable<T>,
  draining: AbortSignal,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const source = messages[Symbol.asyncIterator]();
  let leave: (error: ConnectError) => void = () => {};
  const drain = () => leave(restarting());
  draining.addEventListener('abort', drain);
  try {
    for (;;) {
      // Not Promise.race: what lives as long as the stream would remember every message.
      const result = await new Promise<IteratorResult<T>>((resolve, reject) => {
        leave = reject;
        if (draining.aborted) drain();
        else source.next().then(resolve, reject);
      });
      if (result.done) break;
      yield result.value;
    }
    if (signal.aborted && signal.reason instanceof ConnectError) throw signal.reason;
  } finally {
    draining.removeEventListener('abort', drain);
    // A source that waits for its signal returns when the handler has told it, which is after this.
    source.return?.()?.catch?.(() => {});
  }
}
