import assert from 'node:assert/strict';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { servedManager } from '../daemon.fixture.ts';
import { html } from './html.ts';
import { requestsFor, type Sent } from './requests.fixture.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document as a client reads it
type Any = any;

/** Requests for each operation; more are asked for with `npm test -- … --requests 1000`. */
const REQUESTS = Number(process.argv[process.argv.indexOf('--requests') + 1]) || 25;

/** Milliseconds that an answer may take on a busy machine. */
const PATIENCE_MS = 60_000;

describe('OpenAPI', () => {
  const { daemon, server } = servedManager();
  let document: Any;
  let validators: Ajv2020;
  const agent = new Agent({ keepAlive: true });
  before(async () => {
    document = await (await fetch(`${server.url}/api/v1/openapi.json`)).json();
    validators = new Ajv2020({ strict: false, validateFormats: false });
    validators.addSchema(document, 'api');
  });
  after(() => agent.destroy());

  function schemaAt(pointer: string): ValidateFunction {
    return validators.getSchema(`api#${pointer}`) ?? validators.compile({ $ref: `api#${pointer}` });
  }
  function assertFits(pointer: string, value: unknown): void {
    const validate = schemaAt(pointer);
    assert.ok(validate(value), `${pointer}: ${JSON.stringify(validate.errors)} of ${JSON.stringify(value)}`);
  }

  it('is a valid document of OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document));
    assert.deepEqual(result, { valid: true });
    const operations = Object.values<Any>(document.paths).flatMap((methods) => Object.values<Any>(methods));
    const ids = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(ids).size, ids.length, 'every operationId once');
    for (const name of Object.keys(document.components.schemas)) schemaAt(`/components/schemas/${name}`);
  });

  it('has what the comments in the protos say', () => {
    const { description, summary } = document.paths['/api/v1/runs/{run_id}:watch'].get;
    assert.match(description, /journal of a run/);
    assert.match(summary, /journal of a run/);
    assert.match(document.components.schemas.Run.properties.seq.description, /last event/);
    const { schema, style } = document.paths['/api/v1/runs'].get.parameters.find(
      (one: Any) => one.name === 'states',
    );
    assert.deepEqual([schema.items.$ref, style], ['#/components/schemas/RunState', 'form']);
  });

  it('is a page that runs nothing and loads nothing', async () => {
    const response = await fetch(`${server.url}/api/v1/docs`);
    assert.match(response.headers.get('content-security-policy')!, /default-src 'none'/);
    const page = await response.text();
    assert.doesNotMatch(page, /<script|\ssrc=|https?:\/\//);
    for (const path of Object.keys(document.paths)) assert.ok(page.includes(path), path);
    assert.equal(html`<i>${'<b a="\'&">'}</i>`.html, '<i>&lt;b a=&quot;&#39;&amp;&quot;&gt;</i>');
  });

  it('says what every answer is, to requests of every kind', async () => {
    const known = await someNames();
    const failures: string[] = [];
    for (const [path, methods] of Object.entries<Any>(document.paths)) {
      for (const method of Object.keys(methods)) {
        const property = fc.asyncProperty(requestsFor(document, path, method, known), async (sent) => {
          await check(path, method, await ask(sent));
        });
        const details = await fc.check(property, { numRuns: REQUESTS });
        if (details.failed)
          failures.push(`${details.errorInstance} (seed ${details.seed}, ${details.counterexamplePath})`);
      }
    }
    assert.deepEqual(failures, []);
    const { status } = await ask({ method: 'GET', path: '/api/v1/manager', headers: {} });
    assert.equal(status, 200, 'and still serves');
  });

  async function someNames(): Promise<string[]> {
    const post = (path: string, json: object) =>
      ask({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(json),
      });
    const yaml = 'name: greet\nprocessors: { say: { run: "echo hi; echo x > $WIZ_FILES/x.txt" } }\n';
    const file = {
      path: 'greet.yaml',
      content: Buffer.from(yaml).toString('base64'),
      baseDir: daemon.folder,
    };
    await post('/api/v1/pipelines:apply', { files: [file] });
    const { text } = await post('/api/v1/runs', { pipeline: 'greet' });
    const { runId } = JSON.parse(text).run;
    await ask({ method: 'GET', path: `/api/v1/runs/${runId}:watch`, headers: {} });
    const made = JSON.parse(
      (await ask({ method: 'GET', path: `/api/v1/files?runId=${runId}&all=true`, headers: {} })).text,
    );
    return [
      runId,
      made.files[0].file.hash,
      'say',
      `${runId}/say/x.txt`,
      'select 1 as a',
      'select * from nothing',
    ];
  }

  interface Answer {
    sent: Sent;
    status: number;
    headers: IncomingHttpHeaders;
    text: string;
  }

  /** Sends a path as it is: fetch would take `..` out of it. */
  function ask(sent: Sent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { method, path, headers, body } = sent;
      const request = httpRequest(
        { port: server.port, host: '127.0.0.1', method, path, headers, agent },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              sent,
              status: response.statusCode!,
              headers: response.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      request.on('error', reject);
      request.setTimeout(PATIENCE_MS, () =>
        request.destroy(new Error(`${method} ${path} ${body}: no answer`)),
      );
      request.end(body);
    });
  }

  async function check(path: string, method: string, { sent, status, headers, text }: Answer): Promise<void> {
    const told = `${sent.method} ${sent.path} ${sent.body ?? ''}\n${status} ${text.slice(0, 2_000)}`;
    assert.ok(![500, 501].includes(status), told);
    assert.equal(headers['x-content-type-options'], 'nosniff', told);
    assert.equal(headers['x-b'], undefined, told);
    const pointer = `/paths/${path.replaceAll('/', '~1')}/${method}/responses/${status}`;
    // Of a path that the names in it have made another one, or none.
    const responses = document.paths[path][method].responses;
    if (status === 405) return;
    assert.ok(status in responses, told);
    if (status === 204) return;
    if (status !== 200) return assertFits('/components/schemas/Error', JSON.parse(text));
    const type = headers['content-type']!;
    const media = responses[200].content[type];
    // `..` of a name leads nowhere else, but a name with a colon may be another operation.
    if (media === undefined) return;
    if (media.schema === undefined) return;
    const at = `${pointer}/content/${type.replaceAll('/', '~1')}/schema`;
    if (media.schema.contentSchema === undefined) return assertFits(at, JSON.parse(text));
    for (const item of itemsOf(type, text)) {
      if (item.isError) assertFits('/components/schemas/Error', item.value);
      else assertFits(`${at}/contentSchema`, item.value);
    }
  }

  function itemsOf(type: string, text: string): { isError: boolean; value: Any }[] {
    if (type === 'text/event-stream') {
      return text
        .split('\n\n')
        .filter((block) => block.includes('data: ') && !block.includes('event: end'))
        .map((block) => ({
          isError: block.includes('event: error'),
          value: JSON.parse(/^data: (.*)$/m.exec(block)![1]!),
        }));
    }
    const lines = text.split('\n').slice(0, -1);
    return lines.map((line) => {
      const value = JSON.parse(line);
      return 'error' in value ? { isError: true, value: value.error } : { isError: false, value };
    });
  }
});
