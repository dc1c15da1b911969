import { lookup } from 'node:dns';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { WIZ_VERSION } from '../../proto/version.ts';
import { checkAddress } from './addresses.ts';
import { retryAfterMs } from './backoff.ts';
import { allowsHost, type HookPolicy, hostOf, NotAllowed } from './policy.ts';
import type { TryResult } from './try.ts';

/** Bytes of an answer that are read; the connection is closed on a longer one. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Characters of it that are kept, for whoever looks for the cause. */
const KEPT_ANSWER = 4_000;
/** Headers that belong to the request itself. */
const OWN_HEADERS = /^(?:host|content-length|transfer-encoding|connection|webhook-.*)$/i;

export interface WebhookRequest {
  url: string;
  headers: Record<string, string>;
  /** webhook-id and its like: they stand before those of the hook. */
  signed: Record<string, string>;
  body: string;
  timeoutMs: number;
  /** undefined: anything is allowed. */
  policy: HookPolicy | undefined;
  signal: AbortSignal;
}

/**
 * Posts once. The status line is the answer: 2xx acknowledges, whatever becomes of the rest. Redirects are not followed,
 * since nobody has allowed where they lead. Never rejects but with NotAllowed, for what no further try would change.
 */
export async function postWebhook(options: WebhookRequest): Promise<TryResult> {
  const url = URL.parse(options.url);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new NotAllowed(`The URL of the webhook must be an http or https one.`);
  }
  const host = hostOf(url);
  const { policy } = options;
  if (policy !== undefined) {
    if (!allowsHost(host, policy)) throw new NotAllowed(`${host} is not in hooks.allow.hosts.`);
    if (isIP(host) !== 0) checkAddress(host, host, policy);
  }
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  try {
    const answer = await send(url, host, options, signal);
    const status = answer.statusCode!;
    const output = await textOf(answer);
    if (status >= 200 && status < 300) return { status, error: '', output, retryAfterMs: 0, gone: false };
    const isRedirect = status >= 300 && status < 400;
    const error = isRedirect ? `HTTP ${status}: redirects are not followed.` : `HTTP ${status}.`;
    const wait = retryAfterMs(answer.headers['retry-after'], Date.now());
    return { status, error, output, retryAfterMs: wait, gone: status === 410 };
  } catch (error) {
    if (error instanceof NotAllowed) throw error;
    const said = timeout.aborted ? `No answer within ${options.timeoutMs} ms.` : reasonOf(error as Error);
    return { status: 0, error: said, output: '', retryAfterMs: 0, gone: false };
  }
}

function send(
  url: URL,
  host: string,
  { headers, signed, body, policy }: WebhookRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const bytes = Buffer.from(body);
  const own = Object.entries(headers).filter(([name]) => !OWN_HEADERS.test(name));
  return new Promise((resolve, reject) => {
    const post = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request: ClientRequest = post(url, {
      method: 'POST',
      // One connection for each: receivers are told of seldom, and a kept one may be closed as it is used.
      agent: false,
      signal,
      ...(policy !== undefined && { lookup: checkedLookup(host, policy) }),
      headers: {
        'content-type': 'application/json',
        'user-agent': `wiz/${WIZ_VERSION}`,
        ...Object.fromEntries(own.map(([name, value]) => [name.toLowerCase(), value])),
        ...signed,
        'content-length': bytes.length,
      },
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(bytes);
  });
}

/** Looks up all addresses of a name and takes none of them when one is not allowed. */
function checkedLookup(host: string, policy: HookPolicy): LookupFunction {
  return (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '', 0);
      try {
        for (const { address } of addresses) checkAddress(host, address, policy);
      } catch (problem) {
        return done(problem as Error, '', 0);
      }
      if (options.all) return done(null, addresses);
      const [first] = addresses;
      return done(null, first!.address, first!.family);
    });
  };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // It closed in the middle: the status had come.
  }
  answer.destroy();
  return Buffer.concat(chunks).toString('utf8').slice(0, KEPT_ANSWER);
}

function reasonOf(error: Error): string {
  // Of several addresses the first says enough.
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : error;
  return `${(first ?? error).message.replace(/\.$/, '')}.`;
}
