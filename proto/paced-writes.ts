import type { Writable } from 'node:stream';

/** Messages handed to a gRPC stream that HTTP/2 has not taken; by itself it would take 16 of them before it says stop. */
const AHEAD = 4;

/** Writes messages as fast as the other end takes them. Ends early, without an error, when the stream is stopped. */
export async function writePaced<Message>(
  stream: Writable,
  messages: AsyncIterable<Message>,
  stopped: AbortSignal,
): Promise<void> {
  let ahead = 0;
  let wake = () => {};
  const taken = () => {
    ahead -= 1;
    wake();
  };
  const wakeUp = () => wake();
  stopped.addEventListener('abort', wakeUp, { once: true });
  try {
    for await (const message of messages) {
      if (stopped.aborted) return;
      ahead += 1;
      stream.write(message, taken);
      while (ahead >= AHEAD && !stopped.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stopped.removeEventListener('abort', wakeUp);
  }
}
