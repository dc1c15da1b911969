import { isIP } from 'node:net';
import { Code, ConnectError, cors } from '@connectrpc/connect';
import { isLoopback } from '../../../proto/loopback.ts';
import { answerError } from './answers.ts';
import type { HttpRequest, HttpResponse } from './messages.ts';

export interface OriginOptions {
  /** Where it listens. */
  host: string;
  behindProxy: boolean;
  /** Origins (`https://ui.example.org`) whose pages may call; none by default. */
  origins: readonly string[];
}

/** Which pages of a browser may call. */
export interface Origins {
  /** Answers what a page may not ask, and preflights; false when the request may go on. */
  refuses(request: HttpRequest, response: HttpResponse): boolean;
  /** Whether whoever asks for a WebSocket may have it; a browser lets every page ask. */
  allows(request: HttpRequest): boolean;
}

/** Seconds that a browser may remember what it may ask. */
const PREFLIGHT_S = 600;

export function createOrigins({ host, behindProxy, origins }: OriginOptions): Origins {
  const loopback = isLoopback(host) && !behindProxy;

  function allows(request: HttpRequest): boolean {
    const authority = authorityOf(request);
    if (loopback && !namesThisMachine(authority)) return false;
    const origin = request.headers.origin;
    if (origin === undefined || origins.includes(origin)) return true;
    // An origin of a page that this port has served itself. What TLS in front of it makes of it, `origins` says.
    return origin === `http://${authority}` || origin === `https://${authority}`;
  }

  return {
    allows,
    refuses(request, response) {
      const origin = request.headers.origin;
      const listed = origin !== undefined && origins.includes(origin);
      if (origins.length > 0) response.setHeader('vary', 'origin');
      if (listed) {
        response.setHeader('access-control-allow-origin', origin);
        response.setHeader('access-control-expose-headers', cors.exposedHeaders.join(', '));
      }
      const preflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers;
      if (preflight && listed) {
        response.writeHead(204, {
          'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
          'access-control-allow-headers': [...cors.allowedHeaders, 'Authorization', 'Last-Event-ID'].join(
            ', ',
          ),
          'access-control-max-age': `${PREFLIGHT_S}`,
        });
        response.end();
        return true;
      }
      if (allows(request)) return false;
      const words =
        loopback && !namesThisMachine(authorityOf(request))
          ? 'This manager is on loopback, and the name it was called by is not.'
          : 'Pages of this origin may not call this manager.';
      answerError(response, new ConnectError(words, Code.PermissionDenied));
      return true;
    },
  };
}

/** A page whose name was made to lead here after it was loaded (DNS rebinding) still calls by that name. */
function namesThisMachine(authority: string): boolean {
  const name = authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(name) > 0 || name === 'localhost' || name.endsWith('.localhost');
}

function authorityOf(request: HttpRequest): string {
  return ('authority' in request ? request.authority : request.headers.host) ?? '';
}
