import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { getOption, hasOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createConnectRouter, type Interceptor } from '@connectrpc/connect';
import { http } from '../../../../proto/gen/google/api/annotations_pb.js';
import { until } from '../../../../test/e2e/place.ts';
import { routes } from '../../routes.ts';
import { servedManager } from '../daemon.fixture.ts';
import { peerKey } from '../peer.ts';
import { routesOf } from './route.ts';

describe('REST', () => {
  const { daemon, server } = servedManager();

  interface Answer {
    status: number;
    headers: Headers;
    text: string;
    // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect, and fail when it is not there
    json: any;
  }
  async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await fetch(server.url + path, {
      method,
      ...(body !== undefined && {
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
      ...(body === undefined && { headers }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type') === 'application/json';
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
    return answer;
  }
  async function refused(status: number, words: RegExp, ...asked: Parameters<typeof ask>) {
    const answer = await ask(...asked);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json.message, words);
    return answer;
  }
  async function start(script: string, more: object = {}): Promise<string> {
    const adHoc = { argv: ['sh', '-c', script], workdir: daemon.folder };
    const answer = await ask('POST', '/api/v1/runs', { adHoc, ...more });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.run.runId;
  }
  const ended = (runId: string) => ask('GET', `/api/v1/runs/${runId}:watch`);

  it('has a path for every method, and GET for those that change nothing and no other', () => {
    const router = createConnectRouter();
    routes(daemon.manager)(router);
    const methods = router.handlers.map(({ method }) => method);
    assert.deepEqual(
      methods.filter((method) => !hasOption(method, http)).map(String),
      [],
      'methods without google.api.http',
    );
    for (const { method, httpMethod } of routesOf(methods)) {
      if (httpMethod !== 'GET') continue;
      assert.equal(method.idempotency, MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS, String(method));
    }
    for (const method of methods) assert.ok(getOption(method, http).pattern.case, String(method));
  });

  it('starts, watches and tells of a run', async () => {
    const runId = await start('echo hello; echo "a result" >&2', { labels: { team: 'a', __proto__x: '1' } });
    const watched = await ended(runId);
    assert.equal(watched.headers.get('content-type'), 'application/x-ndjson');
    const events = watched.text
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line).events);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, i) => i + 1),
    );
    assert.equal(events.at(-1).runEnded.state, 'RUN_STATE_SUCCEEDED');
    const { json } = await ask('GET', `/api/v1/runs/${runId}?summary=true`);
    assert.equal(json.run.state, 'RUN_STATE_SUCCEEDED');
    assert.equal(json.processors, undefined);
    const logs = await ask(
      'GET',
      `/api/v1/runs/${runId}/logs?streams=LOG_STREAM_STDOUT&streams=LOG_STREAM_STDERR`,
    );
    const texts = JSON.parse(logs.text).chunks.map(({ data }: { data: string }) => atob(data));
    assert.deepEqual(texts.sort(), ['a result\n', 'hello\n']);
    const manifest = await ask('GET', `/api/v1/runs/${runId}/manifest`);
    assert.equal(manifest.json.runId, runId);
    const list = await ask('GET', '/api/v1/runs?page_size=1&states=RUN_STATE_SUCCEEDED&states=2');
    assert.equal(list.json.runs[0].runId, runId);
  });

  it('applies, plans, starts and deletes a pipeline', async () => {
    const content = Buffer.from(
      'name: greet\nparams: { who: { default: you } }\nprocessors: { say: { run: echo $who } }\n',
    );
    const file = { path: 'greet.yaml', content: content.toString('base64'), baseDir: daemon.folder };
    const applied = await ask('POST', '/api/v1/pipelines:apply', { files: [file] });
    assert.equal(applied.json.pipelines[0].change, 'CHANGE_CREATED');
    assert.equal((await ask('GET', '/api/v1/pipelines/greet')).json.pipeline.name, 'greet');
    const plan = await ask('POST', '/api/v1/runs:plan', { pipeline: 'greet', params: { who: 'all' } });
    assert.equal(plan.json.processors[0].verdict, 'PLAN_VERDICT_RUN');
    const wrong = await refused(400, /greet.yaml|unknown/i, 'POST', '/api/v1/pipelines:validate', {
      files: [{ ...file, content: Buffer.from('name: x\nprocesors: {}\n').toString('base64') }],
    });
    assert.equal(wrong.json.code, 'invalid_argument');
    assert.equal(wrong.json.details[0].type, 'wiz.v1.Diagnostics');
    assert.equal((await ask('DELETE', '/api/v1/pipelines/greet')).json.versions, 1);
    await refused(404, /no pipeline "greet"/, 'GET', '/api/v1/pipelines/greet');
  });

  it('gives files by path and bare content by hash', async () => {
    const script =
      'cd "$WIZ_FILES"; mkdir -p sub/deep; printf "<script>" > "a&b.html"; printf x > "sub/deep/y z"';
    const runId = await start(script);
    await ended(runId);
    const file = await ask('GET', `/api/v1/files/${runId}/sh/${encodeURIComponent('a&b.html')}`);
    assert.equal(file.json.file.file.name, 'a&b.html', file.text);
    const content = await ask('GET', `/api/v1/blobs/${file.json.file.file.hash}?offset=1`);
    assert.equal(content.text, 'script>');
    const folder = (await ask('GET', `/api/v1/files/${runId}/sh/sub`)).json.file.file;
    assert.equal((await ask('GET', `/api/v1/blobs/${folder.hash}/deep/y%20z`)).text, 'x');
    const entries = await ask('GET', `/api/v1/folders/${folder.hash}`);
    assert.equal(entries.json.entries[0].path, 'deep/y z');
    assert.equal(content.headers.get('content-type'), 'application/octet-stream');
    assert.match(content.headers.get('content-security-policy')!, /sandbox/);
    await refused(404, /no object/, 'GET', `/api/v1/blobs/${'0'.repeat(64)}`);
    await refused(400, /no whole hash/, 'GET', '/api/v1/blobs/..%2f..%2fetc%2fpasswd');
  });

  it('refuses what it does not understand, and says why', async () => {
    await refused(404, /nothing at/, 'GET', '/api/v1/nothing');
    const put = await refused(405, /takes/, 'PUT', '/api/v1/runs', {});
    assert.deepEqual(put.headers.get('allow')!.split(', ').sort(), ['GET', 'POST']);
    await refused(400, /Did you mean "page_size"/, 'GET', '/api/v1/runs?page_siz=3');
    await refused(400, /more than once/, 'GET', '/api/v1/runs?page_size=3&page_size=4');
    await refused(400, /page_size|uint32|invalid/i, 'GET', '/api/v1/runs?page_size=many');
    await refused(400, /RUNNING/, 'GET', '/api/v1/runs?states=RUNNING');
    await refused(400, /true or false/, 'GET', '/api/v1/runs/latest?summary=yes');
    await refused(400, /in the path already/, 'GET', '/api/v1/runs/latest?runId=x');
    await refused(400, /in the path already/, 'POST', '/api/v1/runs/latest:cancel', { run_id: 'x' });
    await refused(400, /nothing into the query/, 'POST', '/api/v1/runs?pipeline=x', {});
    await refused(400, /no JSON/, 'POST', '/api/v1/runs', '{"a":');
    await refused(400, /no JSON object/, 'POST', '/api/v1/runs', '[]');
    await refused(400, /"pipelin"/, 'POST', '/api/v1/runs', { pipelin: 'x' });
    await refused(400, /__proto__/, 'POST', '/api/v1/runs', '{"__proto__":{"pipeline":"x"}}');
    await refused(400, /application\/json/, 'POST', '/api/v1/runs', '{}', { 'content-type': 'text/plain' });
    await refused(400, /encodes nothing/, 'GET', '/api/v1/runs/%e0%a4%a');
    await refused(400, /What is to run/, 'POST', '/api/v1/runs');
  });

  it('ends a call at the deadline that the client sets', async () => {
    const runId = await start('sleep 300');
    const headers = { 'connect-timeout-ms': '300' };
    const path = `/api/v1/runs/${runId}:watch`;
    const { text } = await ask('GET', path, undefined, headers);
    assert.equal(JSON.parse(text.trim().split('\n').at(-1)!).error.code, 'deadline_exceeded');
    await refused(400, /timeout/, 'GET', path, undefined, { 'connect-timeout-ms': 'soon' });
    await ask('POST', `/api/v1/runs/${runId}:cancel`, { message: 'enough' });
  });

  it('streams events to a page, resumed from Last-Event-ID', async () => {
    const runId = await start('echo one; exit 3');
    const events = { accept: 'text/event-stream' };
    const path = `/api/v1/runs/${runId}:watch`;
    const { text, headers } = await ask('GET', path, undefined, events);
    assert.equal(headers.get('content-type'), 'text/event-stream');
    const blocks = parseEvents(text);
    assert.equal(blocks.at(-1)!.event, 'end');
    const seqs = blocks
      .slice(0, -1)
      .flatMap(({ data }) => JSON.parse(data!).events.map((e: { seq: number }) => e.seq));
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => i + 1),
    );
    assert.equal(blocks.at(-2)!.id, `${seqs.length}`);
    const rest = await ask('GET', path, undefined, { ...events, 'last-event-id': '2' });
    assert.equal(JSON.parse(parseEvents(rest.text)[0]!.data!).events[0].seq, 3);
    const nothing = await ask('GET', path, undefined, { ...events, 'last-event-id': `${seqs.length}` });
    assert.equal(nothing.status, 204, 'an EventSource does not come again');
    await refused(400, /sequence/, 'GET', path, undefined, { ...events, 'last-event-id': 'x' });
    await refused(404, /no run/, 'GET', '/api/v1/runs/nope:watch', undefined, events);
  });

  it('stops a stream at once when the client goes away', async () => {
    const signals: AbortSignal[] = [];
    const note: Interceptor = (next) => (request) => {
      signals.push(request.signal);
      return next(request);
    };
    const watched = await daemon.serve({ interceptors: [note] });
    const runId = await start('sleep 300');
    for (const path of [`${runId}:watch`, `${runId}/logs?follow=true`]) {
      const going = httpRequest(`${watched.url}/api/v1/runs/${path}`).on('error', () => {});
      going.end();
      await until('the call is there', () => signals.length > 0);
      const signal = signals.pop()!;
      assert.equal(signal.aborted, false);
      going.destroy();
      await until('its signal is aborted', () => signal.aborted);
    }
    await ask('POST', `/api/v1/runs/${runId}:cancel`);
  });

  it('goes through the gate and the interceptors', async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(`${request.method.name} ${request.contextValues.get(peerKey).address}`);
      return next(request);
    };
    const guarded = await daemon.serve({
      interceptors: [interceptor],
      gate: ({ requestHeader, method }) => {
        if (requestHeader.get('authorization') === 'Bearer good') return;
        throw new ConnectError(`Who calls ${method.name}?`, Code.Unauthenticated);
      },
    });
    const get = (path: string, token?: string) =>
      fetch(guarded.url + path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    const refusal = await get('/api/v1/runs');
    assert.equal(refusal.status, 401);
    assert.equal(refusal.headers.get('www-authenticate'), 'Bearer');
    assert.equal(((await refusal.json()) as { code: string }).code, 'unauthenticated');
    assert.equal((await get('/api/v1/manager', 'good')).status, 200);
    // EventSource cannot send headers.
    assert.equal((await get('/api/v1/runs/latest:watch?access_token=bad')).status, 401);
    assert.equal((await get('/api/v1/runs/latest:watch?access_token=good')).status, 200);
    assert.equal((await get('/api/v1/runs?access_token=good')).status, 401, 'only for streams');
    assert.deepEqual(seen, ['GetManager 127.0.0.1', 'WatchRun 127.0.0.1']);
  });

  it('tells streams to go elsewhere when it closes, and resumes there without gap or repeat', async () => {
    const leaving = await daemon.serve();
    const runId = await start('echo a; sleep 300');
    const path = `/api/v1/runs/${runId}:watch`;
    const response = await new Promise<IncomingMessage>((resolve) => {
      httpRequest(leaving.url + path, { headers: { accept: 'text/event-stream' } }, resolve).end();
    });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    const over = new Promise((resolve) => response.once('end', resolve));
    await until('the attempt has started', () => text.includes('attemptStarted'));
    await leaving.close();
    await over;
    const blocks = parseEvents(text);
    assert.equal(JSON.parse(blocks.at(-1)!.data!).code, 'unavailable');
    const last = blocks.at(-2)!.id!;
    await ask('POST', `/api/v1/runs/${runId}:cancel`);
    const rest = await ask('GET', path, undefined, { accept: 'text/event-stream', 'last-event-id': last });
    assert.equal(JSON.parse(parseEvents(rest.text)[0]!.data!).events[0].seq, Number(last) + 1);
    await assert.rejects(fetch(leaving.url));
  });
});

function parseEvents(text: string): Record<string, string>[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) =>
      Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      ),
    );
}
