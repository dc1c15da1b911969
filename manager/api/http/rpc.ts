import type { DescMethod } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  createContextValues,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
} from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import { answerError } from './answers.ts';
import { type Calls, createCalls, recordMethods } from './call.ts';
import { endings } from './endings.ts';
import type { Admit } from './endpoint.ts';
import { grpcEndings, grpcGate, grpcServices } from './grpc/services.ts';
import { JSON_OPTIONS } from './json.ts';
import { type Limits, MAX_TIMEOUT_MS } from './limits.ts';
import { chunksOf, type HttpRequest, type HttpResponse, pathOf } from './messages.ts';
import { type Peer, peerKey } from './peer.ts';

export interface RpcOptions {
  routes: (router: ConnectRouter) => void;
  interceptors: Interceptor[];
  /** Called before the message of a call is read; it may throw ConnectError. */
  gate: ((context: HandlerContext) => void | Promise<void>) | undefined;
  /** Asked for what belongs to gRPC itself. */
  admit: Admit | undefined;
  limits: Limits;
  /** Streams end when it is aborted, so that clients go elsewhere. */
  draining: AbortSignal;
  /** Whatever still goes on is aborted. */
  stopping: AbortSignal;
  note(message: string): void;
}

/** The services behind the port: gRPC, gRPC-Web and Connect by one handler for each method. */
export interface Rpc {
  /** For what is no protocol of Connect. */
  calls: Calls;
  /** A method whose client sends a stream. */
  isOpenEnded(request: HttpRequest): boolean;
  /** Answers a call; false when the path is no method. */
  serve(request: HttpRequest, response: HttpResponse, peer: Peer): boolean;
}

/** Bytes from which a message is packed for clients that can unpack it: less saves no packet and costs 30 us each. */
const COMPRESS_BYTES = 4 * 1024;

export function createRpc({ routes, limits, note, ...options }: RpcOptions): Rpc {
  const ending = endings(options.draining);
  const interceptors = [ending, ...options.interceptors];
  const shared = {
    readMaxBytes: limits.bodyBytes,
    compressMinBytes: COMPRESS_BYTES,
    // Brotli as Node does it takes a hundred times as long.
    acceptCompression: [compressionGzip],
    jsonOptions: JSON_OPTIONS,
    shutdownSignal: options.stopping,
    maxTimeoutMs: MAX_TIMEOUT_MS,
  };
  const router = createConnectRouter({
    ...shared,
    interceptors,
    ...(options.gate !== undefined && { requestGate: options.gate }),
  });
  const specs = new Map<DescMethod, MethodImplSpec>();
  routes(recordMethods(router, specs));
  const ofGrpc = createConnectRouter({
    ...shared,
    interceptors: [grpcEndings(ending)],
    requestGate: grpcGate(options.admit),
  });
  const services = [...new Set([...specs.keys()].map(({ parent }) => parent))];
  grpcServices(services, options.draining)(ofGrpc);
  const handlers = new Map(
    [...router.handlers, ...ofGrpc.handlers].map((handler) => [handler.requestPath, handler]),
  );

  async function answer(handler: UniversalHandler, request: HttpRequest, response: HttpResponse, peer: Peer) {
    const values = createContextValues().set(peerKey, peer);
    try {
      const call = universalRequestFromNodeRequest(request, response, undefined, values);
      await universalResponseToNodeResponse(await handler({ ...call, body: chunksOf(request) }), response);
    } catch (error) {
      if (!response.headersSent) answerError(response, misaddressed(error));
      else response.destroy();
      if (ConnectError.from(error).code === Code.Aborted) return;
      note(`${handler.requestPath} was not answered: ${(error as Error).message}`);
    }
  }

  return {
    calls: createCalls(specs, { ...options, interceptors }),
    isOpenEnded(request) {
      const kind = handlers.get(pathOf(request))?.method.methodKind;
      return kind === 'client_streaming' || kind === 'bidi_streaming';
    },
    serve(request, response, peer) {
      const handler = handlers.get(pathOf(request));
      if (handler === undefined) return false;
      void answer(handler, request, response, peer);
      return true;
    },
  };
}

/** Before a handler has a call, nothing but its address can be wrong. */
function misaddressed(error: unknown): unknown {
  return error instanceof TypeError
    ? new ConnectError('The address of the request is none.', Code.InvalidArgument)
    : error;
}
