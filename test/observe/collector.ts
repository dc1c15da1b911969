import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A collector of traces: OTLP over HTTP as JSON, on loopback. */
export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Credentials and the like, as they came. */
  readonly headers: NodeJS.Dict<string | string[]>[];
  close(): Promise<void>;
}

export interface CollectedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  startMs: number;
  endMs: number;
  failed: boolean;
  attributes: Record<string, unknown>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const headers: Collector['headers'] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    headers.push(request.headers);
    if (request.url === '/v1/traces') spans.push(...spansOf(JSON.parse(body)));
    else response.statusCode = 404;
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what a stranger sends
function spansOf({ resourceSpans }: any): CollectedSpan[] {
  const all: CollectedSpan[] = [];
  for (const { resource, scopeSpans } of resourceSpans) {
    const service = String(plain(resource.attributes)['service.name']);
    for (const { spans } of scopeSpans) {
      for (const span of spans) {
        all.push({
          service,
          name: span.name,
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId ?? '',
          startMs: Number(BigInt(span.startTimeUnixNano) / 1_000_000n),
          endMs: Number(BigInt(span.endTimeUnixNano) / 1_000_000n),
          failed: span.status?.code === 2,
          attributes: plain(span.attributes),
        });
      }
    }
  }
  return all;
}

function plain(attributes: Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
