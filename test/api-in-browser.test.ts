import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Page } from 'playwright-core';
import { openTestManager, type TestManager } from '../manager/api/http/daemon.fixture.ts';
import type { Endpoint } from '../manager/api/http/endpoint.ts';
import type { HttpServer, ServeHttpOptions } from '../manager/api/http/server.ts';
import { Role } from '../proto/gen/wiz/v1/options_pb.js';
import { startBrowser, type TestBrowser } from './browser.ts';
import { newCertificate, writeCertificate } from './certificate.ts';

/** What runs in the page: starts runs, and watches them to their end in every way that a page has. */
const SCRIPT = `
const token = 'good';
async function call(path, body) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ' + token },
    body: JSON.stringify(body),
  });
  return await response.json();
}
const adHoc = (workdir) => ({ adHoc: { argv: ['sh', '-c', 'echo hello; sleep 0.2'], workdir } });
const restRun = async (workdir) => (await call('/api/v1/runs', adHoc(workdir))).run.runId;
const connectRun = async (workdir) => (await call('/wiz.v1.RunService/StartRun', adHoc(workdir))).run.runId;
function eventSource(runId) {
  return new Promise((resolve) => {
    const seqs = [];
    const source = new EventSource('/api/v1/runs/' + runId + ':watch?access_token=' + token);
    source.onmessage = ({ data }) => seqs.push(...JSON.parse(data).events.map(({ seq }) => seq));
    source.addEventListener('end', () => { source.close(); resolve(seqs); });
  });
}
function webSocket(runId) {
  return new Promise((resolve) => {
    const seqs = [];
    const address = location.origin.replace('http', 'ws') + '/api/v1/runs/' + runId + ':watch';
    const socket = new WebSocket(address, ['wiz.v1', 'bearer.' + token]);
    socket.onmessage = ({ data }) => seqs.push(...JSON.parse(data).events.map(({ seq }) => seq));
    socket.onclose = ({ code }) => resolve([code, ...seqs]);
  });
}
async function lines(runId) {
  const response = await fetch('/api/v1/runs/' + runId + ':watch', { headers: { authorization: 'Bearer ' + token } });
  const text = await response.text();
  return text.trim().split('\\n').flatMap((line) => JSON.parse(line).events.map(({ seq }) => seq));
}
`;

const page: Endpoint = {
  method: 'GET',
  path: '/page',
  role: Role.ANYONE,
  handle(_, response) {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><title>page</title><script>${SCRIPT}</script>`);
  },
};

function check(headers: Headers): void {
  if (headers.get('authorization') !== 'Bearer good') throw new ConnectError('Who?', Code.Unauthenticated);
}

const guarded: Partial<ServeHttpOptions> = {
  gate: ({ requestHeader }) => check(requestHeader),
  admit: async (headers) => check(headers),
  interceptors: [],
  endpoints: [page],
};

/** Functions of the script, as the test calls them in the page. */
declare const restRun: (workdir: string) => Promise<string>;
declare const connectRun: (workdir: string) => Promise<string>;
declare const eventSource: (runId: string) => Promise<number[]>;
declare const webSocket: (runId: string) => Promise<number[]>;
declare const lines: (runId: string) => Promise<number[]>;

describe('the API in a browser', () => {
  let daemon: TestManager;
  let chromium: TestBrowser;
  const servers: Record<string, HttpServer> = {};
  before(async () => {
    daemon = await openTestManager();
    servers['clear text'] = await daemon.serve(guarded);
    const tls = writeCertificate(join(daemon.folder, 'tls'), newCertificate('wiz'));
    servers.TLS = await daemon.serve({ ...guarded, tls });
    chromium = await startBrowser();
  });
  after(async () => {
    await chromium?.close();
    await daemon.close();
  });

  async function openPage(url: string): Promise<Page> {
    const context = await chromium.browser.newContext({ ignoreHTTPSErrors: true });
    const opened = await context.newPage();
    await opened.goto(url);
    return opened;
  }

  for (const kind of ['clear text', 'TLS']) {
    it(`starts runs and watches them to their end, in ${kind}`, async () => {
      const opened = await openPage(`${servers[kind]!.url}/page`);
      const told = await opened.evaluate(async (folder) => {
        const [first, second] = [await restRun(folder), await connectRun(folder)];
        const watched = [first, second].map(async (runId) => [
          await Promise.all([eventSource(runId), webSocket(runId), lines(runId)]),
        ]);
        return (await Promise.all(watched)).flat();
      }, daemon.folder);
      for (const [events, [code, ...messages], read] of told as [number[], number[], number[]][]) {
        const all = events.map((_, i) => i + 1);
        assert.ok(all.length >= 4);
        assert.deepEqual(events, all);
        assert.deepEqual(messages, all);
        assert.deepEqual(read, all);
        assert.equal(code, 1000);
      }
      await opened.context().close();
    });
  }

  it('shows the page of the API, in which no script runs', async () => {
    const opened = await openPage(`${servers['clear text']!.url}/api/v1/docs`);
    const wrongs: string[] = [];
    opened.on('console', (message) => wrongs.push(message.text()));
    await opened.getByText('/api/v1/runs/{run_id}:cancel').click();
    await opened.getByText('CancelRunRequest').first().waitFor();
    assert.deepEqual(wrongs, [], 'the style is allowed, and there is nothing else');
    const ran = await opened.evaluate(`
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      'ran' in window`);
    assert.equal(ran, false);
    await opened.context().close();
  });

  it('lets pages of other origins call only when they are listed', async () => {
    const other = servers['clear text']!;
    const opened = await openPage(`${other.url}/page`);
    const listing = await daemon.serve({ ...guarded, origins: [other.url] });
    const closed = await daemon.serve(guarded);
    const call = (url: string) =>
      opened.evaluate(async (to) => {
        const headers = { 'content-type': 'application/json', authorization: 'Bearer good' };
        const path = `${to}/wiz.v1.ManagerService/GetManager`;
        try {
          const response = await fetch(path, { method: 'POST', headers, body: '{}' });
          return ((await response.json()) as { managerId: string }).managerId;
        } catch (error) {
          return String(error);
        }
      }, url);
    assert.equal(await call(listing.url), daemon.manager.managerId);
    assert.match(await call(closed.url), /Failed to fetch/);
    const socket = (url: string) =>
      opened.evaluate(
        (to) =>
          new Promise<string>((resolve) => {
            const client = new WebSocket(`${to.replace('http', 'ws')}/api/v1/ws`, ['wiz.v1', 'bearer.good']);
            client.onopen = () => resolve('open');
            client.onclose = () => resolve('closed');
          }),
        url,
      );
    assert.equal(await socket(listing.url), 'open');
    assert.equal(await socket(closed.url), 'closed');
    await opened.context().close();
  });
});
