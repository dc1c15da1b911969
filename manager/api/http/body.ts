import { Code, ConnectError } from '@connectrpc/connect';
import { answerError } from './answers.ts';
import type { Limits } from './limits.ts';
import type { HttpRequest, HttpResponse } from './messages.ts';

/** Milliseconds that a client which still sends has to read that nobody listens. */
const LINGER_MS = 1_000;

/** Refuses headers that are too long: of HTTP/2 Node asks clients only to keep to the limit. */
export function guardHeaders(request: HttpRequest, response: HttpResponse, limits: Limits): boolean {
  if (request.httpVersionMajor === 1) return true;
  const bytes = request.rawHeaders.reduce((sum, part) => sum + part.length, 0);
  if (bytes <= limits.headerBytes) return true;
  const words = `The headers of a request have at most ${limits.headerBytes} bytes.`;
  answerError(response, new ConnectError(words, Code.ResourceExhausted), 431);
  return false;
}

/** Holds a request to the limits of its body. False when it has been refused already. */
export function guardBody(
  request: HttpRequest,
  response: HttpResponse,
  limits: Limits,
  /** The client may go on sending for as long as it likes. */
  openEnded: boolean,
): boolean {
  if (!isReceived(request)) limitTime(request, response, openEnded ? undefined : limits.bodyMs);
  if (!announcesTooMuch(request, limits)) return true;
  answerError(response, tooLarge(limits), 413);
  return false;
}

function limitTime(request: HttpRequest, response: HttpResponse, bodyMs: number | undefined): void {
  const late = () => {
    if (!isReceived(request)) cutOff(request);
  };
  const timer = bodyMs === undefined ? undefined : setTimeout(late, bodyMs);
  request.once('end', () => clearTimeout(timer));
  response.once('close', () => clearTimeout(timer));
  // An answer may come before the whole request has: the rest is not waited for.
  response.once('finish', () => {
    if (isReceived(request)) return;
    const linger = setTimeout(late, LINGER_MS);
    request.once('close', () => clearTimeout(linger));
  });
}

export function tooLarge({ bodyBytes }: Limits): ConnectError {
  return new ConnectError(`A request holds at most ${bodyBytes} bytes.`, Code.ResourceExhausted);
}

/** gRPC has no use for a status of HTTP: its handler counts the bytes, and says so in its own way. */
function announcesTooMuch({ headers }: HttpRequest, { bodyBytes }: Limits): boolean {
  if (headers['content-type']?.startsWith('application/grpc')) return false;
  return Number(headers['content-length'] ?? 0) > bodyBytes;
}

function isReceived(request: HttpRequest): boolean {
  if (!('stream' in request)) return request.complete;
  return request.stream.endAfterHeaders || request.stream.readableEnded || request.stream.destroyed;
}

function cutOff(request: HttpRequest): void {
  if ('stream' in request) request.stream.close();
  else request.socket.destroy();
}
