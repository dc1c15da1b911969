import { Code, ConnectError } from '@connectrpc/connect';
import { headerTimeout, parseTimeout } from '@connectrpc/connect/protocol-connect';
import { answerError } from '../answers.ts';
import { tooLarge } from '../body.ts';
import type { Call, Calls } from '../call.ts';
import { jsonText } from '../json.ts';
import { type Limits, MAX_TIMEOUT_MS } from '../limits.ts';
import { type HttpRequest, type HttpResponse, headersOf, pathOf, queryOf } from '../messages.ts';
import type { Peer } from '../peer.ts';
import { takeToken } from '../token.ts';
import { bindRequest } from './bind.ts';
import { readBody } from './read-body.ts';
import { resumeFrom } from './resume.ts';
import { findRoute, type Route, routesOf } from './route.ts';
import { answerStream } from './stream.ts';

export interface Rest {
  routes: readonly Route[];
  /** Answers a request; false when its path is none of REST. */
  serve(request: HttpRequest, response: HttpResponse, peer: Peer): boolean;
}

/** The methods as REST: `google.api.http` says where each is, protobuf's JSON mapping what its messages look like. */
export function createRest(calls: Calls, limits: Limits): Rest {
  const routes = routesOf(calls.methods);

  async function answer(
    { route, values }: { route: Route; values: string[] },
    request: HttpRequest,
    response: HttpResponse,
    peer: Peer,
  ): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const header = headersOf(request.headers);
    const query = queryOf(request);
    if (route.method.methodKind === 'server_streaming') takeToken(query, header);
    let call: Call | undefined;
    try {
      call = await calls.open(route.method, {
        url: `http://${header.get('host') ?? 'wiz'}${pathOf(request)}`,
        httpMethod: route.httpMethod,
        header,
        peer,
        timeoutMs: timeoutOf(header),
        signal: gone.signal,
      });
      const body = await readBody(request, limits);
      if (body === undefined) return answerError(response, tooLarge(limits), 413);
      const input = bindRequest(route, values, query, body);
      resumeFrom(route.method, input, header.get('last-event-id'));
      if (route.method.methodKind === 'server_streaming') {
        return await answerStream(route, await call.answers(input), request, response);
      }
      const message = await call.answer(input);
      call.context.responseHeader.forEach((value, name) => {
        response.setHeader(name, value);
      });
      const text = Buffer.from(jsonText(route.method.output, message));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': `${text.length}` });
      response.end(text);
    } catch (error) {
      answerError(response, error);
    } finally {
      call?.end();
    }
  }

  return {
    routes,
    serve(request, response, peer) {
      try {
        const found = findRoute(routes, request.method ?? '', pathOf(request));
        if (found === undefined) return false;
        if ('route' in found) void answer(found, request, response, peer);
        else {
          response.setHeader('allow', found.allowed.join(', '));
          const words = `${pathOf(request)} takes ${found.allowed.join(' and ')}, not ${request.method}.`;
          answerError(response, new ConnectError(words, Code.Unimplemented), 405);
        }
      } catch {
        answerError(
          response,
          new ConnectError('The path has a % that encodes nothing.', Code.InvalidArgument),
        );
      }
      return true;
    },
  };
}

/** What Connect's header says. Throws ConnectError. */
function timeoutOf(header: Headers): number | undefined {
  const { timeoutMs, error } = parseTimeout(header.get(headerTimeout), MAX_TIMEOUT_MS);
  if (error !== undefined) throw error;
  return timeoutMs;
}
