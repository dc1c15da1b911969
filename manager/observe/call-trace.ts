import { type ContextValues, createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import { parseTraceparent, type SpanName, traceContextOf } from '../../proto/trace-context.ts';

/** The span of a call, where calls have spans of their own. */
export const callSpanKey = createContextKey<SpanName | undefined>(undefined, {
  description: 'the span of the call',
});

/** The span that a header names. */
export function callerSpan(headers: Headers): SpanName | undefined {
  const parent = headers.get('traceparent');
  return parent === null ? undefined : parseTraceparent(parent, headers.get('tracestate'));
}

/** The span of a call, or the one that it is a part of; undefined when nobody traces it. */
export function spanOfCall(values: ContextValues, headers: Headers): SpanName | undefined {
  return values.get(callSpanKey) ?? callerSpan(headers);
}

/** What a run that the call starts is a child of; undefined when nobody traces it. */
export function traceOfCall({ values, requestHeader }: HandlerContext): TraceContext | undefined {
  const span = spanOfCall(values, requestHeader);
  return span === undefined ? undefined : traceContextOf(span);
}
