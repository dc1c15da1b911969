import type { DescMethod, Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { WebSocket } from 'ws';
import { errorJson } from '../answers.ts';
import type { Call } from '../call.ts';
import { jsonText } from '../json.ts';

/** Milliseconds between pings; a client that has not answered the last is gone. */
const PING_MS = 20_000;
/** Milliseconds that a client has to close after it was told to. */
const CLOSING_MS = 2_000;

/** Codes of RFC 6455, 7.4.1 and its registry. */
export const CLOSE = { normal: 1000, policy: 1008, internal: 1011, restart: 1012 };

/** Sends every message of a stream as JSON text, an error as {error}, and closes with the end. */
export async function tellStream(
  client: WebSocket,
  method: DescMethod,
  call: Call,
  input: Message,
): Promise<void> {
  client.once('close', () => call.end());
  try {
    for await (const message of await call.answers(input)) {
      await send(client, jsonText(method.output, message));
      if (client.readyState !== client.OPEN) return;
    }
    close(client, CLOSE.normal);
  } catch (error) {
    await send(client, JSON.stringify({ error: errorJson(error) }));
    close(client, closeCodeOf(error));
  } finally {
    call.end();
  }
}

/** Resolves when the system has taken the text: nobody sends faster than a client reads. */
export function send(client: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (client.readyState !== client.OPEN) resolve();
    else client.send(text, () => resolve());
  });
}

export function close(client: WebSocket, code: number): void {
  client.close(code);
  const timer = setTimeout(() => client.terminate(), CLOSING_MS);
  client.once('close', () => clearTimeout(timer));
}

export function keepAlive(client: WebSocket): void {
  let answered = true;
  const pings = setInterval(() => {
    if (!answered) return client.terminate();
    answered = false;
    client.ping();
  }, PING_MS);
  client.on('pong', () => {
    answered = true;
  });
  // What a client sends wrongly closes its connection, and is nobody else's error.
  client.on('error', () => client.terminate());
  client.once('close', () => clearInterval(pings));
}

export function closeCodeOf(error: unknown): number {
  const { code } = ConnectError.from(error);
  if (code === Code.Unavailable) return CLOSE.restart;
  return code === Code.Internal || code === Code.Unknown ? CLOSE.internal : CLOSE.policy;
}
