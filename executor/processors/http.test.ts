import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { attemptSpanId } from '../../proto/trace-context.ts';
import { OUTPUT_LIMIT_BYTES } from './output-limit.ts';
import type { JsonObject } from './processor.ts';
import { call, temporaryFolder } from './processors.fixture.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function serve(t: TestContext, handler: Handler): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    handler(request, response, body);
  }).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers with what it was asked. */
const echo: Handler = ({ method, url, headers }, response, body) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers, body }));
};

async function asked(options: object): Promise<JsonObject> {
  const { output, report } = await call('http', options);
  assert.equal(report.message, '');
  return (output as { json: JsonObject }).json;
}

test('sends method, headers, query and body', async (t) => {
  const url = await serve(t, echo);
  const plain = await asked({
    url: `${url}/a?x=1`,
    query: { y: [1, true], z: 'ä' },
    headers: { 'X-Test': 5 },
  });
  assert.equal(plain.method, 'GET');
  assert.equal(plain.url, '/a?x=1&y=1&y=true&z=%C3%A4');
  assert.equal((plain.headers as JsonObject)['x-test'], '5');
  const json = await asked({ url, method: 'POST', json: { a: 1 } });
  assert.deepEqual(
    [json.body, (json.headers as JsonObject)['content-type']],
    ['{"a":1}', 'application/json'],
  );
  assert.equal((await asked({ url, method: 'PUT', body: 'text' })).body, 'text');
});

test("what is asked is a part of the run's trace, unless a pipeline names another", async (t) => {
  const url = await serve(t, echo);
  const trace = {
    $typeName: 'wiz.v1.TraceContext' as const,
    parent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    state: 'v=1',
  };
  const headersOf = async (options: object, more: object = {}) => {
    const { output } = await call('http', { url, ...options }, more);
    return (output as { json: { headers: Record<string, string> } }).json.headers;
  };
  const traced = await headersOf({}, { trace });
  assert.equal(traced.traceparent, trace.parent.replace('00f067aa0ba902b7', attemptSpanId('r', 'p', 1)));
  assert.equal(traced.tracestate, 'v=1');
  const own = await headersOf({ headers: { Traceparent: 'mine' } }, { trace });
  assert.deepEqual([own.traceparent, own.tracestate], ['mine', undefined]);
  assert.equal((await headersOf({})).traceparent, undefined);
});

test('sends a file as the body, with its length', async (t) => {
  const url = await serve(t, echo);
  const folder = temporaryFolder(t);
  const path = join(folder, 'a file');
  writeFileSync(path, 'x'.repeat(100_000));
  const { headers, body } = await asked({ url, method: 'PUT', bodyFile: path });
  assert.equal((headers as JsonObject)['content-length'], '100000');
  assert.equal((body as string).length, 100_000);
  for (const [bodyFile, reason] of [
    [join(folder, 'none'), 'not-found'],
    [folder, 'unreadable'],
  ]) {
    const { report } = await call('http', { url, method: 'PUT', bodyFile });
    assert.equal(report.reason, reason);
    assert.match(report.message, /cannot be sent/);
  }
});

test('gives the body as JSON, text or base64', async (t) => {
  const url = await serve(t, ({ url }, response) => {
    if (url === '/text') return response.end('grün');
    if (url === '/bytes') return response.end(Buffer.from([0, 255]));
    if (url === '/empty') return response.writeHead(204).end();
    response.setHeader('content-type', 'application/problem+json; charset=utf-8');
    response.end(url === '/broken' ? '{' : '[1]');
  });
  const body = async (path: string) => {
    const { status, headers, ...rest } = (await call('http', { url: url + path })).output as JsonObject;
    assert.ok(headers);
    return [status, rest];
  };
  assert.deepEqual(await body('/text'), [200, { bytes: 5, text: 'grün' }]);
  assert.deepEqual(await body('/bytes'), [200, { bytes: 2, base64: 'AP8=' }]);
  assert.deepEqual(await body('/empty'), [204, { bytes: 0 }]);
  assert.deepEqual(await body('/json'), [200, { bytes: 3, json: [1] }]);
  assert.deepEqual(await body('/broken'), [200, { bytes: 1, text: '{' }]);
});

test('other statuses than expected fail, with the beginning of the page', async (t) => {
  const url = await serve(t, ({ url }, response) =>
    response.writeHead(Number(url!.slice(1))).end('the page'),
  );
  const { report } = await call('http', { url: `${url}/500` });
  assert.deepEqual([report.reason, report.failureClass], ['http-status', FailureClass.APP]);
  assert.match(report.message, /answered 500 Internal Server Error, expected 2xx: the page/);
  assert.equal((await call('http', { url: `${url}/429` })).report.failureClass, FailureClass.RATE_LIMITED);
  const outcome = async (status: number, expect: unknown[]) =>
    (await call('http', { url: `${url}/${status}`, expect })).outcome;
  assert.equal(await outcome(404, [404]), 'succeeded');
  assert.equal(await outcome(404, ['200-299', '400-403']), 'failed');
  assert.equal(await outcome(403, ['400-403']), 'succeeded');
  assert.equal(await outcome(503, ['2xx', '5xx']), 'succeeded');
});

test('follows redirects, or does not', async (t) => {
  const url = await serve(t, ({ url }, response) =>
    url === '/end' ? response.end('end') : response.writeHead(302, { location: '/end' }).end(),
  );
  assert.equal(((await call('http', { url })).output as JsonObject).text, 'end');
  const { output } = await call('http', { url, followRedirects: false, expect: [302] });
  assert.equal((output as { headers: JsonObject }).headers.location, '/end');
});

test('a large body is the output all the same, one that is larger still is counted, or saved to a file', async (t) => {
  const large = 'x'.repeat(300 * 1024);
  const huge = 'x'.repeat(OUTPUT_LIMIT_BYTES + 1);
  const url = await serve(t, ({ url }, response) => response.end(url === '/huge' ? huge : large));
  const { output } = await call('http', { url });
  const { headers, ...rest } = output as JsonObject;
  assert.deepEqual(rest, { status: 200, bytes: large.length, text: large });
  const { headers: _, ...counted } = (await call('http', { url: `${url}/huge` })).output as JsonObject;
  assert.deepEqual(counted, { status: 200, bytes: huge.length, oversizeBytes: huge.length });
  const workdir = temporaryFolder(t);
  const saved = (await call('http', { url, saveTo: 'deep/body' }, { workdir })).output as JsonObject;
  assert.deepEqual([saved.path, saved.bytes], [join(workdir, 'deep/body'), large.length]);
  assert.equal(readFileSync(join(workdir, 'deep/body'), 'utf8'), large);
});

test('the network, the time-out of the exchange, and cancel have reasons of their own', async (t) => {
  const url = await serve(t, ({ url }, response) => {
    if (url === '/cut') response.write('half', () => response.destroy());
  });
  const nobody = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => nobody.once('listening', resolve));
  const { port } = nobody.address() as AddressInfo;
  await new Promise((resolve) => nobody.close(resolve));
  const refused = await call('http', { url: `http://127.0.0.1:${port}/` });
  assert.equal(refused.report.reason, 'network');
  assert.match(refused.report.message, /127\.0\.0\.1:\d+\/ could not be reached: .*ECONNREFUSED/);
  assert.equal((await call('http', { url: `${url}/cut` })).report.reason, 'network');
  const slow = await call('http', { url, timeout: '30ms' });
  assert.equal(slow.report.reason, 'timeout');
  assert.match(slow.report.message, /within 30ms/);
  const cancelled = await call('http', { url }, { started: (cancel) => setImmediate(cancel, 'cancelled') });
  assert.equal(cancelled.report.reason, 'cancelled');
});

test('headers that cannot be sent are named', async () => {
  for (const [name, value] of [
    ['x-price', '5 €'],
    ['x-lines', 'a\nb'],
    ['x y', 'z'],
  ] as const) {
    const { report } = await call('http', { url: 'http://127.0.0.1:9', headers: { [name]: value } });
    assert.equal(report.reason, 'bad-options');
    assert.match(report.message, new RegExp(`^with.headers: "${name}" cannot be sent`));
    assert.doesNotMatch(report.message, /8364/);
  }
});

test('wrong options', async () => {
  const url = 'http://127.0.0.1:1/';
  const wrong: [object, RegExp][] = [
    [{}, /with\.url/],
    [{ url: 'ftp://x/' }, /with\.url/],
    [{ url, method: 'FETCH' }, /with\.method/],
    [{ url, method: 'POST', json: 1, body: 'x' }, /with\.body: cannot be given together with json/],
    [{ url, body: 'x' }, /with\.method: GET and HEAD have no body/],
    [{ url, expect: ['200..299'] }, /with\.expect/],
    [{ url, timeout: 5 }, /with\.timeout/],
    [{ url, header: {} }, /header/],
  ];
  for (const [options, message] of wrong) {
    const { report } = await call('http', options);
    assert.equal(report.reason, 'bad-options');
    assert.match(report.message, message);
  }
});
