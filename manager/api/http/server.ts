import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { answerError, setSafeHeaders } from './answers.ts';
import { guardBody, guardHeaders } from './body.ts';
import { restarting } from './endings.ts';
import { type Admit, type Endpoint, serveEndpoints } from './endpoint.ts';
import { createGrpcStreams } from './grpc/stream.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { type HttpRequest, type HttpResponse, pathOf } from './messages.ts';
import { openApiEndpoints } from './openapi/endpoints.ts';
import { createOrigins } from './origin.ts';
import { peerOf } from './peer.ts';
import { openPort } from './port.ts';
import { createRest } from './rest/rest.ts';
import { createRpc } from './rpc.ts';
import type { TlsFiles } from './tls.ts';
import { createWebSockets } from './websocket/accept.ts';

export interface ServeHttpOptions {
  host: string;
  /** 0 is any free one. */
  port: number;
  /** Undefined: clear text. */
  tls?: TlsFiles | undefined;
  /** A proxy in front is who connects: it says in X-Forwarded-For who calls. */
  behindProxy?: boolean;
  routes: (router: ConnectRouter) => void;
  /** Around every call of a service, REST and WebSockets included. */
  interceptors?: Interceptor[];
  /** Asked before the message of a call is read; it may throw ConnectError. */
  gate?: (context: HandlerContext) => void | Promise<void>;
  /** What is no RPC. */
  endpoints?: readonly Endpoint[];
  /** Asked for endpoints that are not for anyone. */
  admit?: Admit;
  limits?: Partial<Limits>;
  /** Origins whose pages may call, beside the port's own. */
  origins?: readonly string[];
  /** What an operator should know. */
  note?: (message: string) => void;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /** New calls are still answered, but streams end as `unavailable`, so that clients go elsewhere. */
  drain(): void;
  /** Drains, closes what is idle and, at the latest after `graceMs`, everything. */
  close(graceMs?: number): Promise<void>;
}

/** Milliseconds that calls may take to end when the server closes. */
const GRACE_MS = 10_000;

/** Serves the API on one port: gRPC, gRPC-Web, Connect and what the endpoints answer, over HTTP/2 and HTTP/1.1. */
export async function serveHttp(options: ServeHttpOptions): Promise<HttpServer> {
  const { behindProxy = false, note = () => {}, endpoints = [] } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const draining = new AbortController();
  const stopping = new AbortController();
  const rpc = createRpc({
    routes: options.routes,
    interceptors: options.interceptors ?? [],
    gate: options.gate,
    admit: options.admit,
    limits,
    draining: draining.signal,
    stopping: stopping.signal,
    note,
  });
  const grpcStreams = createGrpcStreams(rpc.calls, limits);
  const rest = createRest(rpc.calls, limits);
  const origins = createOrigins({ host: options.host, behindProxy, origins: options.origins ?? [] });
  const serveEndpoint = serveEndpoints([...openApiEndpoints(rest.routes), ...endpoints], options.admit);
  const webSockets = createWebSockets({
    calls: rpc.calls,
    routes: rest.routes,
    origins,
    admit: options.admit,
    behindProxy,
    draining: draining.signal,
  });

  function handle(request: HttpRequest, response: HttpResponse): void {
    setSafeHeaders(response);
    if (draining.signal.aborted && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    if (!guardHeaders(request, response, limits)) return;
    if (!guardBody(request, response, limits, rpc.isOpenEnded(request))) return;
    if (origins.refuses(request, response)) return;
    const peer = peerOf(request, behindProxy);
    if (grpcStreams.serve(request, response, peer)) return;
    if (rpc.serve(request, response, peer)) return;
    if (serveEndpoint(request, response, peer)) return;
    if (rest.serve(request, response, peer)) return;
    answerError(response, new ConnectError(`There is nothing at ${pathOf(request)}.`, Code.NotFound));
  }

  const port = await openPort({
    host: options.host,
    port: options.port,
    tls: options.tls,
    limits,
    behindProxy,
    note,
    handle,
    upgrade: webSockets.upgrade,
  });
  return {
    url: `${options.tls ? 'https' : 'http'}://${hostInUrl(options.host)}:${port.port}`,
    port: port.port,
    drain: () => draining.abort(),
    async close(graceMs = GRACE_MS) {
      draining.abort();
      const stop = setTimeout(() => stopping.abort(restarting()), graceMs);
      // What heeds its signal still has a moment to say why it ends.
      await port.close(graceMs + Math.min(graceMs, LAST_WORDS_MS));
      clearTimeout(stop);
    },
  };
}

const LAST_WORDS_MS = 500;

function hostInUrl(host: string): string {
  if (host.includes(':')) return `[${host}]`;
  return host === '0.0.0.0' ? 'localhost' : host;
}
