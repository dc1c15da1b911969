import { Code, ConnectError } from '@connectrpc/connect';
import type { Limits } from '../limits.ts';
import { chunksOf, type HttpRequest } from '../messages.ts';

/** The body of a request; undefined when it is larger than may be. Throws ConnectError for what is no JSON by its headers. */
export async function readBody(request: HttpRequest, { bodyBytes }: Limits): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(request)) {
    // A page of any origin can send a form or plain text, but JSON only when it is allowed to.
    if (bytes === 0) checkHeaders(request);
    bytes += chunk.length;
    if (bytes > bodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function checkHeaders({ headers }: HttpRequest): void {
  const type = headers['content-type'] ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(type))
    throw new ConnectError('A body is sent with "content-type: application/json".', Code.InvalidArgument);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new ConnectError('A body is sent without content-encoding.', Code.InvalidArgument);
}
