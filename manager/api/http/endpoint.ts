import { Code, ConnectError } from '@connectrpc/connect';
import { Role } from '../../../proto/gen/wiz/v1/options_pb.js';
import { answerError } from './answers.ts';
import { type HttpRequest, type HttpResponse, headersOf, pathOf } from './messages.ts';
import type { Peer } from './peer.ts';

/** What is answered and is no RPC: metrics, health, pages. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Exact, or with `/*` at its end all paths that begin so. */
  path: string;
  /** Whoever has less is refused, before `handle`. */
  role: Role;
  /** `caller` is what `admit` found; undefined for ROLE_ANYONE. */
  handle(request: HttpRequest, response: HttpResponse, caller: unknown): void | Promise<void>;
}

/** Who calls, if they may. Throws ConnectError unauthenticated or permission_denied. */
export type Admit = (headers: Headers, peer: Peer, role: Role) => Promise<unknown>;

/** Answers with the endpoint that a request names; false when there is none. */
export function serveEndpoints(
  endpoints: readonly Endpoint[],
  admit: Admit | undefined,
): (request: HttpRequest, response: HttpResponse, peer: Peer) => boolean {
  async function serve(endpoint: Endpoint, request: HttpRequest, response: HttpResponse, peer: Peer) {
    try {
      const caller =
        endpoint.role === Role.ANYONE
          ? undefined
          : await admit?.(headersOf(request.headers), peer, endpoint.role);
      await endpoint.handle(request, response, caller);
    } catch (error) {
      answerError(response, error);
    }
  }

  return (request, response, peer) => {
    const path = pathOf(request);
    const here = endpoints.filter((endpoint) => fits(endpoint.path, path));
    if (here.length === 0) return false;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const endpoint = here.find((one) => one.method === method);
    if (endpoint !== undefined) void serve(endpoint, request, response, peer);
    else {
      response.setHeader('allow', here.map((one) => one.method).join(', '));
      answerError(response, new ConnectError(`${path} takes no ${request.method}.`, Code.Unimplemented), 405);
    }
    return true;
  };
}

function fits(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}
