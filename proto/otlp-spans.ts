import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type Attributes,
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { SpanAttributes, SpanOptions, Spans, SpansOptions } from './spans.ts';
import type { SpanName } from './trace-context.ts';
import { WIZ_VERSION } from './version.ts';

/**
 * Spans by the SDK of OpenTelemetry: OTLP over HTTP as JSON, in batches. It reads the standard OTEL_ variables itself (headers,
 * time-outs, sampler, sizes of batches). Whatever goes wrong with the collector costs spans and nothing else.
 */
export function openOtlpSpans(options: SpansOptions): Spans {
  let spanId: string | undefined;
  const provider = new BasicTracerProvider({
    resource: resourceOf(options),
    spanProcessors: [batches(options)],
    idGenerator: {
      generateTraceId: () => randomBytes(16).toString('hex'),
      generateSpanId: () => spanId ?? randomBytes(8).toString('hex'),
    },
  });
  const tracer = provider.getTracer('wiz', WIZ_VERSION);

  return {
    start(name, given) {
      const span = tracer.startSpan(name, optionsOf(given), parentOf(given.parent));
      return {
        span: nameOf(span.spanContext()),
        set: (attributes) => void span.setAttributes(present(attributes)),
        end(error) {
          fail(span, error);
          span.end();
        },
      };
    },
    add(ended) {
      spanId = ended.spanId;
      const startTime = ended.startMs;
      const span = tracer.startSpan(ended.name, { ...optionsOf(ended), startTime }, parentOf(ended.parent));
      spanId = undefined;
      fail(span, ended.error);
      // Clocks are set back.
      span.end(Math.max(ended.endMs, ended.startMs));
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, options.closeMs);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

/** Spans that wait for the collector: a wide run ends thousands of attempts at once. About 1 kB each. */
const MOST_WAITING = 16_384;

function batches({ endpoint, environment, failing }: SpansOptions): BatchSpanProcessor {
  const url = endpoint === undefined ? undefined : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = telling(new OTLPTraceExporter(url === undefined ? {} : { url }), failing);
  const isGiven = environment.OTEL_BSP_MAX_QUEUE_SIZE !== undefined;
  return new BatchSpanProcessor(exporter, isGiven ? {} : { maxQueueSize: MOST_WAITING });
}

/** The same exporter; that it fails is told once, and that it works again. */
function telling(exporter: SpanExporter, failing: SpansOptions['failing']): SpanExporter {
  let isFailing = false;
  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        const error =
          result.code === ExportResultCode.FAILED ? (result.error ?? new Error('refused')) : undefined;
        if ((error !== undefined) !== isFailing) failing?.(error);
        isFailing = error !== undefined;
        // What the SDK itself does with an error is to tell it, each time.
        done({ code: ExportResultCode.SUCCESS });
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

function resourceOf({ service, attributes }: SpansOptions) {
  return resourceFromAttributes({
    'service.name': service,
    'service.version': WIZ_VERSION,
    'host.name': hostname(),
    'process.pid': process.pid,
    ...present(attributes),
  }).merge(detectResources({ detectors: [envDetector] }));
}

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT };

function optionsOf({ kind = 'internal', attributes }: SpanOptions) {
  return { kind: KINDS[kind], attributes: present(attributes) };
}

function present(attributes: SpanAttributes | undefined): Attributes {
  const there: Attributes = {};
  for (const name in attributes) if (attributes[name] !== undefined) there[name] = attributes[name];
  return there;
}

function parentOf(parent: SpanName | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, sampled, state } = parent;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const context: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
  if (state !== '') context.traceState = createTraceState(state);
  return trace.setSpanContext(ROOT_CONTEXT, context);
}

function nameOf({ traceId, spanId, traceFlags, traceState }: SpanContext): SpanName {
  const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  return { traceId, spanId, sampled, state: traceState?.serialize() ?? '' };
}

function fail(span: Span, error: string | undefined): void {
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
}
