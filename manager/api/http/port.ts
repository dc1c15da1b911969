import {
  createServer as createHttp1Server,
  type Server as Http1Server,
  type IncomingMessage,
} from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Limits } from './limits.ts';
import type { HttpRequest, HttpResponse } from './messages.ts';
import { plainAddress } from './peer.ts';
import { refuseClearText, tellProtocol } from './sniff.ts';
import { openTls, type TlsFiles } from './tls.ts';

/**
 * One port for every client.
 *
 * A connection is *new* until its first bytes say what it speaks. Where the port has TLS it must be that, and ALPN chooses
 * between HTTP/2 and HTTP/1.1; in clear text the preface of HTTP/2 does. Then it is *idle* or *asked on*. New and idle ones
 * are closed when their time is up, those that are asked on never are. When the port closes, idle ones go at once, others
 * with their last answer, and all at the deadline.
 */
export interface Port {
  readonly port: number;
  /** Takes no more connections; resolves when the last has gone. */
  close(graceMs: number): Promise<void>;
}

export interface PortOptions {
  host: string;
  port: number;
  tls: TlsFiles | undefined;
  limits: Limits;
  /** Connections all come from a proxy, so that their number from one address says nothing. */
  behindProxy: boolean;
  handle(request: HttpRequest, response: HttpResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** What an operator should know. */
  note(message: string): void;
}

/** Milliseconds between looks for HTTP/1.1 connections that are out of time, or idle while the port closes. */
const LOOK_MS = 1_000;
const CLOSING_LOOK_MS = 50;
/** Milliseconds of silence after which the system asks whether the other end still lives. */
const KEEP_ALIVE_MS = 30_000;
/** Bytes that one HTTP/2 connection may hold: a thousand streams with a full window each. */
const SESSION_MEGABYTES = 64;

export async function openPort(options: PortOptions): Promise<Port> {
  const { limits } = options;
  const sockets = new Set<Socket>();
  const fresh = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const byAddress = new Map<string, number>();
  const http1 = http1Server(options);
  const http2 = http2Server(options, sessions);
  const tls =
    options.tls && (await openTls(options.tls, { ...options, handshakeMs: limits.headerMs, serve }));

  function serve(socket: Socket, protocol: 'h2' | 'http/1.1'): void {
    (protocol === 'h2' ? http2 : http1).emit('connection', socket);
  }

  function accept(socket: Socket): void {
    // Node throws errors of sockets that nobody listens to.
    socket.on('error', () => {});
    const address = plainAddress(socket.remoteAddress ?? '');
    const fromThere = (byAddress.get(address) ?? 0) + 1;
    const tooMany = !options.behindProxy && fromThere > limits.connectionsPerAddress;
    if (tooMany || sockets.size >= limits.connections) return void socket.destroy();
    byAddress.set(address, fromThere);
    sockets.add(socket);
    fresh.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      fresh.delete(socket);
      const left = byAddress.get(address)! - 1;
      if (left > 0) byAddress.set(address, left);
      else byAddress.delete(address);
    });
    tellProtocol(socket, limits.headerMs, (protocol) => {
      fresh.delete(socket);
      if (tls !== undefined && protocol === 'tls') tls.accept(socket);
      else if (tls !== undefined) refuseClearText(socket);
      else if (protocol === 'tls') socket.destroy();
      else serve(socket, protocol);
    });
  }

  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    accept,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  }).catch((error) => {
    tls?.close();
    http1.close();
    throw error;
  });

  return {
    port: (server.address() as AddressInfo).port,
    async close(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve));
      tls?.close();
      for (const socket of fresh) socket.destroy();
      for (const session of sessions) session.close();
      const looks = setInterval(() => http1.closeIdleConnections(), CLOSING_LOOK_MS);
      const deadline = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      http1.closeIdleConnections();
      await closed;
      clearInterval(looks);
      clearTimeout(deadline);
      http1.close();
      http2.close();
    },
  };
}

function http1Server({ limits, handle, upgrade }: PortOptions): Http1Server {
  const server = createHttp1Server({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerMs,
    // Bodies have a time of their own, the same for both versions of HTTP.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(LOOK_MS, limits.headerMs),
  });
  server.on('request', handle);
  server.on('upgrade', upgrade);
  // It never listens itself, and looks after the times of its connections from this event on.
  server.emit('listening');
  return server;
}

function http2Server({ limits, handle }: PortOptions, sessions: Set<ServerHttp2Session>): Http2Server {
  const server = createHttp2Server({
    maxSessionMemory: SESSION_MEGABYTES,
    settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.headerBytes },
  });
  server.on('request', handle);
  // A client that speaks wrongly loses its connection, and nobody else is told.
  server.on('sessionError', () => {});
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    closeWhenIdle(session, limits);
  });
  return server;
}

/** What trickles in without becoming a request does not count as use. */
function closeWhenIdle(session: ServerHttp2Session, limits: Limits): void {
  let streams = 0;
  let timer = setTimeout(close, limits.headerMs);
  function close(): void {
    session.close();
    // Of a request whose headers have begun, close() would wait for the end.
    timer = setTimeout(() => session.destroy(), LOOK_MS);
  }
  session.on('stream', (stream) => {
    streams++;
    clearTimeout(timer);
    stream.once('close', () => {
      if (--streams === 0 && !session.closed) timer = setTimeout(close, limits.idleMs);
    });
  });
  session.once('close', () => clearTimeout(timer));
}
