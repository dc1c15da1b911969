import { Role } from '../../../../proto/gen/wiz/v1/options_pb.js';
import type { Endpoint } from '../endpoint.ts';
import type { HttpResponse } from '../messages.ts';
import type { Route } from '../rest/route.ts';

/** The OpenAPI document and the page that shows it; made when they are first asked for. */
export function openApiEndpoints(routes: readonly Route[]): Endpoint[] {
  let made: Promise<{ json: string; page: string; policy: string }> | undefined;

  async function make() {
    const { openApiDocument } = await import('./document.ts');
    const { documentPage, PAGE_POLICY } = await import('./page.ts');
    const { comments } = await import('../../../../proto/gen/comments.js');
    const document = openApiDocument(routes, comments);
    return { json: JSON.stringify(document), page: documentPage(document), policy: PAGE_POLICY };
  }

  function endpoint(
    path: string,
    answer: (response: HttpResponse, all: Awaited<typeof made> & object) => void,
  ) {
    // The same for every wiz of this version: nothing that only a caller with a credential should know.
    return {
      method: 'GET' as const,
      path,
      role: Role.ANYONE,
      async handle(_: unknown, response: HttpResponse) {
        made ??= make();
        answer(response, await made);
      },
    };
  }

  return [
    endpoint('/api/v1/openapi.json', (response, { json }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(json);
    }),
    endpoint('/api/v1/docs', (response, { page, policy }) => {
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy,
        'x-frame-options': 'DENY',
      });
      response.end(page);
    }),
  ];
}
