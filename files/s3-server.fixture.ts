/** A small S3 server in memory: what the store uses of the protocol, and the accidents that happen to it. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ACCESS_KEY = 'test-access-key';
export const BUCKET = 'bucket';

interface Kept {
  body: Buffer;
  modifiedMs: number;
}

interface Parts {
  key: string;
  parts: Map<number, Buffer>;
  startedMs: number;
}

/** Each N: of all requests that it is about, every Nth. 0 is never. */
export interface Faults {
  /** The connection is closed before the request is looked at. */
  dropEvery: number;
  /** The request is carried out, and the connection closed without an answer. */
  loseAnswerEvery: number;
  /** Content ends half way, with the connection. */
  truncateEvery: number;
  /** 503 SlowDown. */
  busyEvery: number;
  /** 403 for all that writes. */
  readOnly: boolean;
  /** 507 for all that stores. */
  full: boolean;
}

export class S3Server {
  readonly objects = new Map<string, Kept>();
  readonly uploads = new Map<string, Parts>();
  readonly faults: Faults = {
    dropEvery: 0,
    loseAnswerEvery: 0,
    truncateEvery: 0,
    busyEvery: 0,
    readOnly: false,
    full: false,
  };
  /** Keys in one page of a listing. */
  pageSize = 1_000;
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });
  readonly #counts = new Map<string, number>();

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Makes all keys that match look so much older. */
  age(pattern: RegExp, ms: number): void {
    for (const [key, kept] of this.objects) if (pattern.test(key)) kept.modifiedMs -= ms;
  }

  #every(what: string, n: number): boolean {
    if (n === 0) return false;
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count % n === 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    if (this.#every('drop', this.faults.dropEvery)) return void request.socket.destroy();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = this.#answer(request, Buffer.concat(chunks));
    if (this.#every('lose', this.faults.loseAnswerEvery)) return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/xml', ...answer.headers });
    const { body } = answer;
    if (
      answer.status < 300 &&
      body.length > 1 &&
      this.#isContent(request) &&
      this.#every('truncate', this.faults.truncateEvery)
    ) {
      response.write(body.subarray(0, body.length >> 1), () => request.socket.destroy());
      return;
    }
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #isContent({ method, url }: IncomingMessage): boolean {
    return method === 'GET' && !url!.includes('list-type') && !url!.includes('uploads');
  }

  #answer(request: IncomingMessage, body: Buffer): Answer {
    const url = new URL(request.url!, 'http://s3');
    const query = url.searchParams;
    const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const writes = request.method !== 'GET' && request.method !== 'HEAD';
    if (!request.headers.authorization?.includes(ACCESS_KEY)) return failure(403, 'InvalidAccessKeyId');
    if (bucket !== BUCKET) return failure(404, 'NoSuchBucket');
    if (this.#every('busy', this.faults.busyEvery)) return failure(503, 'SlowDown');
    if (writes && this.faults.readOnly) return failure(403, 'AccessDenied');
    if (writes && request.method !== 'DELETE' && this.faults.full) return failure(507, 'XMinioStorageFull');
    if (key === '') return query.has('uploads') ? this.#listUploads() : this.#list(query);
    if (query.has('uploads')) return this.#startUpload(key);
    if (query.has('uploadId')) return this.#uploadStep(request.method!, query, key, body);
    return this.#object(request, key, body);
  }

  #object(request: IncomingMessage, key: string, body: Buffer): Answer {
    const kept = this.objects.get(key);
    switch (request.method) {
      case 'PUT':
        if (kept && request.headers['if-none-match'] === '*') return failure(412, 'PreconditionFailed');
        this.objects.set(key, { body, modifiedMs: Date.now() });
        return ok('', { etag: etagOf(body) });
      case 'DELETE':
        this.objects.delete(key);
        return { status: 204, headers: {}, body: Buffer.alloc(0) };
      default:
        return kept ? content(kept, request.headers.range) : failure(404, 'NoSuchKey');
    }
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, this.pageSize);
    const contents = page.map((key) => {
      const { body, modifiedMs } = this.objects.get(key)!;
      const time = new Date(Math.floor(modifiedMs / 1000) * 1000).toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${time}</LastModified><Size>${body.length}</Size></Contents>`;
    });
    const more = keys.length > page.length;
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    return ok(
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
  }

  #startUpload(key: string): Answer {
    const id = randomBytes(8).toString('hex');
    this.uploads.set(id, { key, parts: new Map(), startedMs: Date.now() });
    return ok(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #listUploads(): Answer {
    const uploads = [...this.uploads].map(
      ([id, { key, startedMs }]) =>
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${new Date(startedMs).toISOString()}</Initiated></Upload>`,
    );
    return ok(`<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`);
  }

  #uploadStep(method: string, query: URLSearchParams, key: string, body: Buffer): Answer {
    const id = query.get('uploadId')!;
    const upload = this.uploads.get(id);
    if (!upload || upload.key !== key) return failure(404, 'NoSuchUpload');
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    }
    if (method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body);
      return ok('', { etag: etagOf(body) });
    }
    const asked = [...body.toString().matchAll(/<Part>.*?<\/Part>/gs)].map(([part]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)![1]),
      etag: /<ETag>(.*?)</.exec(part)![1]!.replaceAll('&quot;', '"'),
    }));
    const parts = asked.map(({ number }) => upload.parts.get(number));
    if (parts.some((part, i) => !part || etagOf(part) !== asked[i]!.etag)) return failure(400, 'InvalidPart');
    if (parts.slice(0, -1).some((part) => part!.length < 5 * 1024 * 1024))
      return failure(400, 'EntityTooSmall');
    this.objects.set(key, { body: Buffer.concat(parts as Buffer[]), modifiedMs: upload.startedMs });
    this.uploads.delete(id);
    return ok('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>');
  }
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

function ok(text: string, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers, body: Buffer.from(text) };
}

function failure(status: number, code: string): Answer {
  return {
    status,
    headers: {},
    body: Buffer.from(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`),
  };
}

function content({ body, modifiedMs }: Kept, range: string | undefined): Answer {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const part = body.subarray(from);
  const headers = {
    'content-length': String(part.length),
    'last-modified': new Date(modifiedMs).toUTCString(),
    'content-range': `bytes ${from}-${body.length - 1}/${body.length}`,
  };
  return { status: range ? 206 : 200, headers, body: part };
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
