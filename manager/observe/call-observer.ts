import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import {
  Code,
  ConnectError,
  type ContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { Log, LogFields } from '../../proto/log.ts';
import type { OpenSpan, Spans } from '../../proto/spans.ts';
import { callerSpan, callSpanKey } from './call-trace.ts';
import type { Meter } from './meter.ts';
import { LATENCY_SECONDS } from './run-metrics.ts';

export interface CallObserverOptions {
  log: Log;
  meter: Meter | undefined;
  spans: Spans | undefined;
  /** Who calls: peer, actor. Never a credential. */
  caller?: ((values: ContextValues) => LogFields) | undefined;
}

type Gate = (context: HandlerContext) => void | Promise<void>;

export interface CallObserver {
  /** Around everything else. */
  interceptor: Interceptor;
  /** The same gate; what it refuses gets no further, and is told all the same. */
  gate(gate: Gate): Gate;
}

/** One line, one span and one count for each call of the API, when it has been answered: of a stream, at its end. */
export function createCallObserver({ log, meter, spans, caller }: CallObserverOptions): CallObserver {
  const labels = ['method', 'code'] as ('method' | 'code')[];
  const count = meter?.counter('wiz_api_calls_total', 'Calls of the API that were answered.', labels);
  const open = new Map<string, number>();
  const time = meter?.histogram('wiz_api_call_seconds', 'Time of calls that are no streams.', {
    buckets: LATENCY_SECONDS,
    labels: ['method'],
  });
  meter?.gauge(
    'wiz_api_calls_open',
    'Calls of the API that are being answered, streams among them.',
    () => [...open].map(([method, value]) => ({ value, labels: { method } })),
    ['method'],
  );

  function refused({ service, method, values, requestHeader }: HandlerContext, error: unknown): void {
    const named = nameOf(service, method);
    const code = codeOf(error);
    count?.add({ method: named, code });
    const { traceId, spanId } = callerSpan(requestHeader) ?? {};
    // Whoever tries passwords must not fill the log too.
    const level = code === 'resource_exhausted' ? 'debug' : 'info';
    log[level]('call refused', { method: named, code, ...caller?.(values), traceId, spanId });
  }

  const interceptor: Interceptor = (next) => async (request) => {
    const method = nameOf(request.service, request.method);
    const startedMs = performance.now();
    const given = callerSpan(request.header);
    const span = spans?.start(method, { kind: 'server', parent: given, attributes: attributesOf(request) });
    const isRead = request.method.idempotency === Idempotency.NO_SIDE_EFFECTS;
    const traced = span?.span ?? given;
    if (traced !== undefined) request.contextValues.set(callSpanKey, traced);
    open.set(method, (open.get(method) ?? 0) + 1);
    const answered = once((error: unknown) => {
      const durationMs = performance.now() - startedMs;
      const code = codeOf(error);
      open.set(method, open.get(method)! - 1);
      count?.add({ method, code });
      if (!request.stream) time?.observe(durationMs / 1000, { method });
      endSpan(span, code, error);
      const fields: LogFields = {
        method,
        code,
        durationMs: Math.round(durationMs * 10) / 10,
        ...caller?.(request.contextValues),
        traceId: traced?.traceId,
        spanId: traced?.spanId,
      };
      // What is our own fault is told whole here, and not to the caller.
      if (code === 'internal' || code === 'unknown') log.error('call', { ...fields, error });
      else log[isRead ? 'debug' : 'info']('call', fields);
    });
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: untilEnd(response.message, answered) };
      answered(undefined);
      return response;
    } catch (error) {
      answered(error);
      throw error;
    }
  };

  return {
    interceptor,
    gate: (gate) => async (context) => {
      try {
        await gate(context);
      } catch (error) {
        refused(context, error);
        throw error;
      }
    },
  };
}

function nameOf(service: { typeName: string }, method: { name: string }): string {
  return `${service.typeName.split('.').at(-1)}/${method.name}`;
}

function attributesOf({ service, method }: Parameters<ReturnType<Interceptor>>[0]) {
  return { 'rpc.system': 'connect_rpc', 'rpc.service': service.typeName, 'rpc.method': method.name };
}

function codeOf(error: unknown): string {
  if (error === undefined) return 'ok';
  return codeToString(ConnectError.from(error).code);
}

/** What a caller did wrong is no error of the server. */
const OWN_FAULTS = ['unknown', 'deadline_exceeded', 'unimplemented', 'internal', 'unavailable', 'data_loss'];

function endSpan(span: OpenSpan | undefined, code: string, error: unknown): void {
  span?.set({ 'rpc.response.status_code': code });
  span?.end(OWN_FAULTS.includes(code) ? (error as Error).message : undefined);
}

function once(action: (error: unknown) => void): (error: unknown) => void {
  let isDone = false;
  return (error) => {
    if (isDone) return;
    isDone = true;
    action(error);
  };
}

/** The same messages; tells when there are no more, or nobody takes them any more. */
async function* untilEnd<T>(messages: AsyncIterable<T>, ended: (error: unknown) => void): AsyncGenerator<T> {
  try {
    yield* messages;
    ended(undefined);
  } catch (error) {
    ended(error);
    throw error;
  } finally {
    ended(new ConnectError('The caller went away.', Code.Canceled));
  }
}
