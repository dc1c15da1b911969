import type { DescMethod, Message } from '@bufbuild/protobuf';
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  createHandlerContext,
  createMethodImplSpec,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
} from '@connectrpc/connect';
import { createAsyncIterable, transformInvokeImplementation } from '@connectrpc/connect/protocol';
import { headerTimeout, parseTimeout } from '@connectrpc/connect/protocol-connect';
import { type Peer, peerKey } from './peer.ts';

/** What a call knows before its message. */
export interface Caller {
  /** Of the interface that the client uses. */
  url: string;
  httpMethod: string;
  header: Headers;
  peer: Peer;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** A call that the gate has let in. */
export interface Call {
  readonly context: HandlerContext;
  /** What the handler answers; of a unary method, one message. */
  answers(input: Message): AsyncIterable<Message>;
  /** Lets go of what the call holds, and tells its handler. */
  end(): void;
}

/**
 * Calls of methods by what is no protocol of Connect: REST and WebSockets. They pass the same gate, the same interceptors and
 * the same handlers.
 */
export interface Calls {
  methods: readonly DescMethod[];
  /** Throws what the gate does. */
  open(method: DescMethod, caller: Caller): Promise<Call>;
}

export interface CallOptions {
  interceptors: Interceptor[];
  gate: ((context: HandlerContext) => void | Promise<void>) | undefined;
  stopping: AbortSignal;
}

/** Remembers what is registered with a router, beside registering it. */
export function recordMethods(router: ConnectRouter, specs: Map<DescMethod, MethodImplSpec>): ConnectRouter {
  const recording: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      for (const spec of Object.values(createServiceImplSpec(service, implementation).methods)) {
        specs.set(spec.method, spec);
      }
      return recording;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, options);
      specs.set(method, createMethodImplSpec(method, implementation));
      return recording;
    },
  };
  return recording;
}

/** No client waits longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export function createCalls(
  specs: ReadonlyMap<DescMethod, MethodImplSpec>,
  { interceptors, gate, stopping }: CallOptions,
): Calls {
  return {
    methods: [...specs.keys()],
    async open(method, { url, httpMethod, header, peer, signal }) {
      const spec = specs.get(method)!;
      const timeout = parseTimeout(header.get(headerTimeout), MAX_TIMEOUT_MS);
      if (timeout.error !== undefined) throw timeout.error;
      const contextValues: ContextValues = createContextValues().set(peerKey, peer);
      const context = createHandlerContext({
        service: method.parent,
        method,
        protocolName: 'rest',
        requestMethod: httpMethod,
        url,
        requestHeader: header,
        requestSignal: signal,
        shutdownSignal: stopping,
        contextValues,
        ...(timeout.timeoutMs !== undefined && { timeoutMs: timeout.timeoutMs }),
      });
      try {
        await gate?.(context);
      } catch (error) {
        context.abort(error);
        throw error;
      }
      const invoke = transformInvokeImplementation(spec, context, interceptors);
      return {
        context,
        answers: (input) => invoke(createAsyncIterable([input])) as AsyncIterable<Message>,
        end: () => context.abort(),
      };
    },
  };
}
