import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import type { WebSocket, WebSocketServer } from 'ws';
import { Role } from '../../../../proto/gen/wiz/v1/options_pb.js';
import { answerError, setSafeHeaders } from '../answers.ts';
import type { Calls } from '../call.ts';
import type { Admit } from '../endpoint.ts';
import { headersOf, pathOf, queryOf } from '../messages.ts';
import type { Origins } from '../origin.ts';
import { peerOf } from '../peer.ts';
import { bindRequest } from '../rest/bind.ts';
import { findRoute, type Route } from '../rest/route.ts';
import { setToken, takeToken } from '../token.ts';
import { keepAlive, tellStream } from './stream.ts';
import { serveWatches } from './watches.ts';

/** Watches any number of runs on one connection. */
export const WATCHES_PATH = '/api/v1/ws';
/** Subprotocols: a page that can send no headers offers `wiz.v1` and `bearer.TOKEN`, and gets the first. */
const PROTOCOL = 'wiz.v1';
const TOKEN_PROTOCOL = 'bearer.';
/** Bytes of a message from a client; the longest names a run. */
const MESSAGE_BYTES = 16 * 1024;

export interface WebSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface WebSocketOptions {
  calls: Calls;
  routes: readonly Route[];
  origins: Origins;
  admit: Admit | undefined;
  behindProxy: boolean;
  draining: AbortSignal;
}

/** Every stream of REST by its path, and WATCHES_PATH. */
export function createWebSockets(options: WebSocketOptions): WebSockets {
  const { calls, origins, draining } = options;
  let server: Promise<WebSocketServer> | undefined;

  async function open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (draining.aborted) throw new ConnectError('This manager is shutting down.', Code.Unavailable);
    if (!origins.allows(request))
      throw new ConnectError('Pages of this origin may not call this manager.', Code.PermissionDenied);
    const query = queryOf(request);
    const header = headersOf(request.headers);
    takeProtocolToken(header);
    takeToken(query, header);
    const peer = peerOf(request, options.behindProxy);
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const caller = {
      url: `http://wiz${pathOf(request)}`,
      httpMethod: 'GET',
      header,
      peer,
      timeoutMs: undefined,
      signal: gone.signal,
    };
    if (pathOf(request) === WATCHES_PATH) {
      await options.admit?.(header, peer, Role.VIEWER);
      serveWatches(await taken(request, socket, head), calls, caller, draining);
      return;
    }
    const found = findRoute(options.routes, 'GET', pathOf(request));
    if (found === undefined || !('route' in found) || !isTold(found.route))
      throw new ConnectError(`There is no WebSocket at ${pathOf(request)}.`, Code.NotFound);
    const { route, values } = found;
    const input = bindRequest(route, values, query, Buffer.alloc(0));
    const call = await calls.open(route.method, caller);
    const client = await taken(request, socket, head).catch((error) => {
      call.end();
      throw error;
    });
    await tellStream(client, route.method, call, input);
  }

  async function taken(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
    // The command line without a daemon needs none of it.
    server ??= import('ws').then(
      (ws) =>
        new ws.WebSocketServer({
          noServer: true,
          perMessageDeflate: false,
          maxPayload: MESSAGE_BYTES,
          handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
        }),
    );
    const handshake = await server;
    const client = await new Promise<WebSocket>((resolve) => {
      // It answers by itself what is no handshake.
      handshake.handleUpgrade(request, socket, head, resolve);
    });
    keepAlive(client);
    return client;
  }

  return {
    upgrade(request, socket, head) {
      socket.on('error', () => {});
      open(request, socket, head).catch((error) => refuse(request, socket, error));
    },
  };
}

/** Bare content has no frames. */
function isTold({ method, content }: Route): boolean {
  return method.methodKind === 'server_streaming' && content === '';
}

function takeProtocolToken(header: Headers): void {
  const offered = (header.get('sec-websocket-protocol') ?? '').split(',').map((one) => one.trim());
  const token = offered.find((one) => one.startsWith(TOKEN_PROTOCOL))?.slice(TOKEN_PROTOCOL.length);
  header.delete('sec-websocket-protocol');
  if (token !== undefined) setToken(header, token);
}

/** Says no to a handshake, as to any other request. */
function refuse(request: IncomingMessage, socket: Duplex, error: unknown): void {
  if (socket.destroyed) return;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once('finish', () => socket.end());
  setSafeHeaders(response);
  answerError(response, error);
}
