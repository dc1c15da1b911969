import type { SpanName } from './trace-context.ts';

/**
 * Spans that are sent to a collector. Nothing of it is loaded, or costs anything, unless a collector is named: by
 * OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or an endpoint of the configuration.
 */
export interface Spans {
  /** Begins a span, of a new trace when it has no parent. */
  start(name: string, options: SpanOptions): OpenSpan;
  /** A span that has ended already. */
  add(span: EndedSpan): void;
  /** Sends what is there, for as long as the bound allows. */
  close(): Promise<void>;
}

export type SpanAttributes = Record<string, string | number | boolean | undefined>;

export interface SpanOptions {
  kind?: 'internal' | 'server' | 'client';
  parent?: SpanName | undefined;
  attributes?: SpanAttributes;
}

export interface EndedSpan extends SpanOptions {
  name: string;
  /** Drawn at random by default. */
  spanId?: string;
  startMs: number;
  endMs: number;
  /** Why it failed. */
  error?: string | undefined;
}

export interface OpenSpan {
  /** As others refer to it. */
  readonly span: SpanName;
  set(attributes: SpanAttributes): void;
  /** With what went wrong, if something did. */
  end(error?: string): void;
}

export interface SpansOptions {
  /** service.name, unless OTEL_SERVICE_NAME says another. */
  service: string;
  /** Attributes of whoever makes the spans. */
  attributes?: SpanAttributes;
  environment: NodeJS.ProcessEnv;
  /** URL of a collector; `/v1/traces` is added. The environment's is used when absent. */
  endpoint?: string | undefined;
  /** Most milliseconds that close() waits for the collector. */
  closeMs: number;
  /** The collector does not take spans, told once; undefined: it does again. */
  failing?(error: Error | undefined): void;
}

/** Undefined when no collector is named. */
export async function openSpans(options: SpansOptions): Promise<Spans | undefined> {
  if (!namesCollector(options)) return undefined;
  const { openOtlpSpans } = await import('./otlp-spans.ts');
  return openOtlpSpans(options);
}

function namesCollector({ environment, endpoint }: Pick<SpansOptions, 'environment' | 'endpoint'>): boolean {
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return false;
  if (environment.OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(
    endpoint || environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT,
  );
}
