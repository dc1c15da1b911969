import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as the receiver had it. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What the receiver does with one request; by default it answers 204. */
export type Behaviour = (response: ServerResponse, socket: Socket, received: Received) => void;

export const answers =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end(body);
/** Takes the request, and closes without a word. */
export const drops: Behaviour = (_response, socket) => socket.destroy();
export const staysSilent: Behaviour = () => {};
/** Says 200 and how much is to come, and closes in the middle of it. */
export const closesMidAnswer: Behaviour = (response, socket) => {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('half', () => socket.destroy());
};

export interface Receiver {
  url: string;
  readonly received: Received[];
  /** What is done with the next requests, one each, and the last of them with all after. */
  behave(...behaviours: Behaviour[]): void;
  /** Resolves when there have been that many. */
  count(n: number): Promise<void>;
  close(): Promise<void>;
}

/** A receiver of webhooks on loopback. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const waiters: { n: number; resolve: () => void }[] = [];
  let behaviours: Behaviour[] = [answers(204)];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const one = {
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    received.push(one);
    const behaviour = behaviours.length > 1 ? behaviours.shift()! : behaviours[0]!;
    behaviour(response, request.socket, one);
    for (const { n, resolve } of waiters) if (received.length >= n) resolve();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    behave(...next) {
      behaviours = next;
    },
    count: (n) =>
      new Promise((resolve) => {
        if (received.length >= n) resolve();
        else waiters.push({ n, resolve });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
