import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** Requests and responses of both versions of HTTP: Node's interfaces are the same in all that is used here. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = (ServerResponse | Http2ServerResponse) & {
  writeHead(status: number, headers?: Record<string, string>): unknown;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
};

/** Nobody is at the other end any more. HTTP/2's response does not say so itself. */
export function isGone(response: HttpResponse): boolean {
  return 'stream' in response ? response.stream.destroyed : response.destroyed;
}

/** Headers as Connect and `admit` take them; those of HTTP/2 that begin with a colon are none. */
export function headersOf(headers: IncomingHttpHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of Array.isArray(value) ? value : [value]) result.append(name, one);
  }
  return result;
}

/** The path of a request, without its query; "" when it is none of this server. */
export function pathOf(request: HttpRequest): string {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** What the query says; never throws. */
export function queryOf(request: HttpRequest): URLSearchParams {
  const url = request.url ?? '';
  const query = url.indexOf('?');
  return new URLSearchParams(query < 0 ? '' : url.slice(query + 1));
}

/** What a request sends. Whoever stops reading can still answer: as Node reads by itself, the connection would be gone. */
export function chunksOf(request: HttpRequest): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}
