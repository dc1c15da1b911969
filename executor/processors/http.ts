import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { traceparentOf } from '../../proto/trace-context.ts';
import { writeAtomically } from './atomic-file.ts';
import { durationOption, parseDurationMs } from './duration.ts';
import { OUTPUT_LIMIT_BYTES } from './output-limit.ts';
import {
  defineProcessor,
  type JsonObject,
  type ProcessorAttempt,
  ProcessorFailure,
  type Zod,
} from './processor.ts';
import { networkFailure, requestOf } from './request.ts';

const optionsOf = (z: Zod) => {
  const plain = z.union([z.string(), z.number(), z.boolean()]);
  return z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }).describe('http or https.'),
      method: z
        .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
        .default('GET')
        .describe('The request method.'),
      headers: z.record(z.string(), plain).default({}).describe('Request headers.'),
      query: z
        .record(z.string(), z.union([plain, z.array(plain)]))
        .default({})
        .describe('Added to the query of the URL; a list becomes several values.'),
      json: z.unknown().optional().describe('Request body as JSON, with its content type.'),
      body: z.string().optional().describe('Request body as text.'),
      bodyFile: z
        .string()
        .min(1)
        .optional()
        .describe("File that is the request body, relative to the processor's folder; it is streamed."),
      expect: z
        .array(z.union([z.int().min(100).max(599), z.string().regex(/^[1-5]xx$|^[1-5]\d\d-[1-5]\d\d$/)]))
        .min(1)
        .default(['2xx'])
        .describe('Statuses that are a success: numbers, classes such as 2xx, ranges such as 200-204.'),
      timeout: durationOption(z)
        .optional()
        .describe('Longest time for the whole exchange; absent is no limit.'),
      followRedirects: z.boolean().default(true).describe('Follow up to 20 redirects.'),
      saveTo: z.string().min(1).optional().describe("File for the body, relative to the processor's folder."),
    })
    .refine((options) => options.json === undefined || options.body === undefined, {
      path: ['body'],
      message: 'cannot be given together with json',
    })
    .refine(({ json, body, bodyFile }) => bodyFile === undefined || (json ?? body) === undefined, {
      path: ['bodyFile'],
      message: 'cannot be given together with json or body',
    })
    .refine(
      ({ method, json, body, bodyFile }) => !BODILESS.has(method) || (json ?? body ?? bodyFile) === undefined,
      {
        path: ['method'],
        message: 'GET and HEAD have no body; set POST, PUT or PATCH',
      },
    );
};

type Options = z.output<ReturnType<typeof optionsOf>>;

const BODILESS = new Set(['GET', 'HEAD']);

export default defineProcessor({
  name: 'http',
  description: 'Makes an HTTP request; takes no slot while it waits for the answer.',
  options: optionsOf,
  outputSchema: {
    type: 'object',
    properties: {
      status: { type: 'integer' },
      headers: {
        type: 'object',
        additionalProperties: { type: 'string' },
        description: 'Names in lower case.',
      },
      bytes: { type: 'integer', description: 'Length of the body.' },
      json: { description: 'The body, when its content type is JSON.' },
      text: { type: 'string', description: 'The body, when it is other text.' },
      base64: { type: 'string', description: 'The body, when it is not text.' },
      oversizeBytes: {
        type: 'integer',
        description: 'Set instead of the body when it is over 64 MiB; save that to a file.',
      },
      path: { type: 'string', description: 'Absolute path of the file with the body (saveTo).' },
      sha256: { type: 'string', description: 'SHA-256 of that file.' },
    },
    required: ['status', 'headers', 'bytes'],
  },
  example: `name: http-example
description: Asks a small server that runs beside the request; retries wait until it listens.
params:
  port: { type: integer, default: 18099, description: a free port on this machine }
processors:
  server:
    shell: node
    run: |
      const server = require('node:http').createServer((request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ path: request.url }), () => server.close());
      });
      server.keepAliveTimeout = 1;
      server.listen(process.env.PORT, '127.0.0.1');
    timeout: 30s
  ask:
    uses: http
    with:
      url: "http://127.0.0.1:\${PORT}/hello"
      query: { name: world }
      timeout: 10s
    retries: { limit: 20, backoff: { initial: 100ms, max: 500ms } }
`,
  async run(options, attempt) {
    const { timeout } = options;
    const limit = timeout === undefined ? undefined : AbortSignal.timeout(parseDurationMs(timeout));
    const signal = limit === undefined ? attempt.signal : AbortSignal.any([attempt.signal, limit]);
    try {
      return { output: await exchange(options, attempt, signal) };
    } catch (error) {
      if (!limit?.aborted || error instanceof ProcessorFailure) throw error;
      throw new ProcessorFailure('timeout', `${options.url} did not answer within ${timeout}.`, {
        cause: error,
      });
    }
  },
});

/** So that what the server does is a part of the run's trace; a pipeline may send one of its own. */
function addTrace(headers: Headers, span: ProcessorAttempt['span']): void {
  if (span === undefined || headers.has('traceparent')) return;
  headers.set('traceparent', traceparentOf(span));
  if (span.state !== '') headers.set('tracestate', span.state);
}

function requestHeaders(given: Options['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    try {
      headers.append(name, String(value));
    } catch (cause) {
      // Not the message of the cause: it tells signs of the value, which may be a secret.
      throw new ProcessorFailure(
        'bad-options',
        `with.headers: ${JSON.stringify(name)} cannot be sent: a name has only letters, digits and -, a value no line breaks and only signs of Latin-1.`,
        { cause },
      );
    }
  }
  return headers;
}

async function exchange(
  options: Options,
  attempt: ProcessorAttempt,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { json, bodyFile, expect, saveTo } = options;
  const url = withQuery(options);
  const headers = requestHeaders(options.headers);
  addTrace(headers, attempt.span);
  if (json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const response = await requestOf(url, {
    method: options.method,
    headers,
    body:
      bodyFile !== undefined
        ? await openBody(resolve(attempt.workdir, bodyFile))
        : json === undefined
          ? options.body
          : JSON.stringify(json),
    redirect: options.followRedirects ? 'follow' : 'manual',
    signal,
  });
  if (!expect.some((wanted) => covers(wanted, response.status))) {
    throw await unexpected(url, response, expect);
  }
  const head = { status: response.status, headers: Object.fromEntries(response.headers) };
  try {
    if (saveTo !== undefined) {
      const path = resolve(attempt.workdir, saveTo);
      const file = await writeAtomically(path, response.body ?? [], { signal, mkdir: true });
      return { ...head, bytes: file.size, path, sha256: file.sha256 };
    }
    return inline(head, await readBody(response));
  } catch (error) {
    // The connection broke in the middle of the body.
    if (signal.aborted || !(error instanceof TypeError)) throw error;
    throw networkFailure(url, error);
  }
}

/** Read while it is sent. */
async function openBody(path: string): Promise<Blob> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is not a file');
    return await openAsBlob(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'not-found' : 'unreadable';
    throw new ProcessorFailure(reason, `${path} cannot be sent: ${(cause as Error).message}.`, { cause });
  }
}

function withQuery({ url, query }: Options): string {
  const whole = new URL(url);
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) whole.searchParams.append(name, String(value));
  }
  return whole.href;
}

function covers(wanted: number | string, status: number): boolean {
  if (typeof wanted === 'number') return wanted === status;
  if (wanted.endsWith('xx')) return Math.floor(status / 100) === Number(wanted[0]);
  const [low, high] = wanted.split('-').map(Number);
  return low! <= status && status <= high!;
}

/** How much of an error page is quoted. */
const QUOTED_CHARACTERS = 300;

async function unexpected(
  url: string,
  response: Response,
  expect: Options['expect'],
): Promise<ProcessorFailure> {
  const { head } = await readBody(response);
  const page = head.toString().trim().replaceAll(/\s+/g, ' ').slice(0, QUOTED_CHARACTERS);
  return new ProcessorFailure(
    'http-status',
    `${url} answered ${response.status} ${response.statusText}, expected ${expect.join(', ')}${page && `: ${page}`}`,
    { failureClass: response.status === 429 ? 'rate-limited' : 'app' },
  );
}

interface Body {
  bytes: number;
  /** The body, cut where it is over the limit of outputs. */
  head: Buffer;
  type: string;
}

/** Reads all of it, for its length, and keeps no more than an output may have. */
async function readBody(response: Response): Promise<Body> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    if (bytes < OUTPUT_LIMIT_BYTES) parts.push(part);
    bytes += part.length;
  }
  const head = Buffer.concat(parts).subarray(0, OUTPUT_LIMIT_BYTES);
  return { bytes, head, type: response.headers.get('content-type') ?? '' };
}

function inline(head: { status: number; headers: Record<string, string> }, body: Body): JsonObject {
  const { bytes } = body;
  if (bytes === 0) return { ...head, bytes };
  if (bytes <= OUTPUT_LIMIT_BYTES) return { ...head, bytes, ...decoded(body) };
  return { ...head, bytes, oversizeBytes: bytes };
}

function decoded({ head, type }: Body): JsonObject {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(head);
  } catch {
    return { base64: head.toString('base64') };
  }
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    try {
      return { json: JSON.parse(text) };
    } catch {
      // It says it is JSON and is not: what is there is more use than an error.
    }
  }
  return { text };
}
