import type { DescMethod, Message } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  createHandlerContext,
  createMethodImplSpec,
  createServiceImplSpec,
  type HandlerContext,
  type Interceptor,
  type MethodImplSpec,
  type StreamRequest,
} from '@connectrpc/connect';
import { createAsyncIterable, invokeUnaryImplementation } from '@connectrpc/connect/protocol';
import { type Peer, peerKey } from './peer.ts';

/** What a call knows before its message. */
export interface Caller {
  /** Of the interface that the client uses. */
  url: string;
  httpMethod: string;
  header: Headers;
  peer: Peer;
  timeoutMs: number | undefined;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
}

/** A call that the gate has let in. */
export interface Call {
  readonly context: HandlerContext;
  /** What the handler of a unary method answers. */
  answer(input: Message): Promise<Message>;
  /** What the handler of a server stream answers. */
  answers(input: Message): Promise<AsyncIterable<Message>>;
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

export function createCalls(
  specs: ReadonlyMap<DescMethod, MethodImplSpec>,
  { interceptors, gate, stopping }: CallOptions,
): Calls {
  return {
    methods: [...specs.keys()],
    async open(method, { url, httpMethod, header, peer, timeoutMs, signal }) {
      const spec = specs.get(method)!;
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
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
      try {
        await gate?.(context);
      } catch (error) {
        context.abort(error);
        throw error;
      }
      return {
        context,
        answer: (input) => invokeUnaryImplementation(spec as never, context, input, interceptors),
        answers: (input) => invokeStream(spec, context, interceptors, input),
        end: () => context.abort(),
      };
    },
  };
}

type AnyFn = ReturnType<Interceptor>;

/** As Connect invokes server streams, without the generators that it wraps them in: of what a message costs to a watcher,
 *  they were half. */
async function invokeStream(
  spec: MethodImplSpec,
  context: HandlerContext,
  interceptors: readonly Interceptor[],
  input: Message,
): Promise<AsyncIterable<Message>> {
  if (spec.kind !== 'server_streaming') throw new Error(`${spec.method} is no server stream`);
  const { method, impl } = spec;
  const service = method.parent;
  const handle = (async (request: StreamRequest) => ({
    stream: true,
    service,
    method,
    header: context.responseHeader,
    trailer: context.responseTrailer,
    message: impl(await first(request.message), {
      ...context,
      requestHeader: request.header,
      signal: request.signal,
      values: request.contextValues,
    }),
  })) as AnyFn;
  const invoke = interceptors.reduceRight((next, interceptor) => interceptor(next), handle);
  const response = await invoke({
    stream: true,
    service,
    method,
    requestMethod: context.requestMethod,
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
    message: createAsyncIterable([input]),
  } as StreamRequest);
  return response.message as AsyncIterable<Message>;
}

async function first(messages: AsyncIterable<Message>): Promise<Message> {
  for await (const message of messages) return message;
  throw new ConnectError('The call has no message.', Code.Unimplemented);
}
