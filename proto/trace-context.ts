import { hash } from 'node:crypto';
import type { TraceContext } from './gen/wiz/v1/executors_pb.js';

/**
 * W3C Trace Context: which trace something is a part of, and which span of it is its parent. Spans of runs and attempts
 * have ids that follow from their names, so that a program can be told its parent before anybody has made that span, and
 * whichever manager sees the end makes the one span that all others mean.
 */

/** A span as others refer to it. */
export interface SpanName {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  sampled: boolean;
  /** tracestate, as it came. */
  state: string;
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
/** tracestate has at most 512 characters that must be passed on. */
const LONGEST_STATE = 512;

/** Undefined for what is no trace context: then there is none. */
export function parseTraceparent(
  parent: string | null | undefined,
  state?: string | null,
): SpanName | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(parent?.trim() ?? '') ?? [];
  // Version ff is forbidden; version 00 has nothing after its flags; ids of zeros name nothing.
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId!) || /^0+$/.test(spanId!)) return undefined;
  const sampled = (Number.parseInt(flags!, 16) & 1) === 1;
  return { traceId: traceId!, spanId: spanId!, sampled, state: goodState(state) };
}

/** Printable, as it becomes a header and a variable. */
function goodState(state: string | null | undefined): string {
  const text = state?.trim() ?? '';
  return text.length <= LONGEST_STATE && /^[\x20-\x7e]*$/.test(text) ? text : '';
}

export function traceparentOf({ traceId, spanId, sampled }: SpanName): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** As messages and the journal have it. */
export function traceContextOf(span: SpanName): TraceContext {
  return { $typeName: 'wiz.v1.TraceContext', parent: traceparentOf(span), state: span.state };
}

export function spanOfTrace(trace: TraceContext | undefined): SpanName | undefined {
  return trace === undefined ? undefined : parseTraceparent(trace.parent, trace.state);
}

/** Id of the span of a run; `begunSeq` is the number of the event with which it began, or began again. */
export function runSpanId(runId: string, begunSeq: number): string {
  return spanIdOf(`run ${runId} ${begunSeq}`);
}

/** Id of the span of an attempt. */
export function attemptSpanId(runId: string, processor: string, attempt: number): string {
  return spanIdOf(`attempt ${runId} ${processor} ${attempt}`);
}

function spanIdOf(name: string): string {
  const id = hash('sha256', name, 'hex').slice(0, 16);
  return /^0+$/.test(id) ? '1'.padStart(16, '0') : id;
}
