import type { Writable } from 'node:stream';

/**
 * Writes messages to a gRPC stream as fast as the other end takes them: the next one is asked for when HTTP/2 has taken
 * the one before, so that their content may be in one buffer. By itself a stream takes 16 of them before it says stop;
 * with 4 ahead it was not faster, and new buffers for all cost 0.4 s for a GB. Ends early, without an error, when the
 * stream is stopped.
 */
export async function writePaced<Message>(
  stream: Writable,
  messages: AsyncIterable<Message>,
  stopped: AbortSignal,
): Promise<void> {
  let taken = () => {};
  const stop = () => taken();
  stopped.addEventListener('abort', stop, { once: true });
  try {
    for await (const message of messages) {
      if (stopped.aborted) return;
      await new Promise<void>((resolve) => {
        taken = resolve;
        stream.write(message, () => resolve());
      });
    }
  } finally {
    stopped.removeEventListener('abort', stop);
  }
}
