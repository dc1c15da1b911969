import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { servedManager } from './daemon.fixture.ts';

describe('what the port does not fall for', () => {
  const { daemon, server } = servedManager();

  /** Sends bytes as they are, and returns what comes until the other end closes, or has answered once. */
  async function raw(text: string): Promise<{ status: number; head: string; body: string }> {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(text);
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const length = /content-length: (\d+)/i.exec(received)?.[1];
      const head = received.indexOf('\r\n\r\n');
      if (head >= 0 && length !== undefined && received.length >= head + 4 + Number(length)) socket.end();
    });
    socket.on('error', () => {});
    await once(socket, 'close');
    const head = received.slice(0, received.indexOf('\r\n\r\n'));
    return { status: Number(head.split(' ')[1]), head, body: received.slice(head.length + 4) };
  }
  const get = (path: string, ...headers: string[]) =>
    raw(`${[`GET ${path} HTTP/1.1`, 'host: localhost', ...headers].join('\r\n')}\r\n\r\n`);

  it('tells browsers to take every answer for what it is, and to keep none', async () => {
    for (const path of [
      '/',
      '/api/v1/runs',
      '/api/v1/docs',
      '/api/v1/openapi.json',
      '/wiz.v1.RunService/GetRun',
    ]) {
      const { headers } = await fetch(server.url + path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('cache-control'), 'no-store', path);
      assert.equal(headers.get('access-control-allow-origin'), null, path);
    }
  });

  it('leads out of no path', async () => {
    for (const path of [
      '/../../../../etc/passwd',
      '/api/v1/../../../etc/passwd',
      '/api/v1/docs/../../../etc/passwd',
      '/api/v1/files/..%2f..%2f..%2fetc%2fpasswd',
      '/api/v1/files/latest/..%2f..%2fetc%2fpasswd',
      '/api/v1/blobs/..%2f..%2fwiz.db',
      '/api/v1/folders/%2e%2e',
      '/api/v1/runs/..%2f..%2fetc/logs',
      '/api/v1/pipelines/..',
      '//etc/passwd',
      'http://other.example/etc/passwd',
      '/api/v1/runs/%00',
    ]) {
      const { status, body } = await get(path);
      assert.ok([400, 404].includes(status), `${path}: ${status}`);
      assert.doesNotMatch(body, /root:/, path);
    }
  });

  it('puts nothing of a name into a header', async () => {
    for (const path of [
      '/api/v1/pipelines/a%0d%0aset-cookie:%20x=1',
      '/a%0d%0aset-cookie:%20x=1',
      '/api/v1/runs/latest:watch?runId=a%0d%0aset-cookie:x',
    ]) {
      const { head } = await get(path);
      assert.doesNotMatch(head, /set-cookie/i, path);
    }
    assert.equal((await get('/api/v1/runs', 'x: a\rset-cookie: b')).status, 400);
  });

  it('answers names with HTML in them as JSON', async () => {
    const name = encodeURIComponent('<img src=x onerror=alert(1)>');
    const { status, head, body } = await get(`/api/v1/pipelines/${name}`);
    assert.equal(status, 404);
    assert.match(head, /content-type: application\/json\r\n/);
    assert.match(JSON.parse(body).message, /<img/);
  });

  it('takes no request that two servers could read in two ways', async () => {
    const twice = 'content-length: 2\r\ncontent-length: 5';
    const both = 'content-length: 2\r\ntransfer-encoding: chunked';
    for (const headers of [twice, both, 'transfer-encoding: chunked\r\ntransfer-encoding: identity']) {
      const { status } = await raw(`POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n\r\n{}`);
      assert.equal(status, 400, headers);
    }
    assert.equal((await raw('GET / HTTP/1.1\r\n\r\n')).status, 400, 'no host');
  });

  it('on loopback, is called by no name of elsewhere', async () => {
    const named = (host: string) => raw(`GET /api/v1/manager HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    for (const host of ['localhost', `127.0.0.1:${server.port}`, '[::1]:80', 'wiz.localhost', '192.0.2.7']) {
      assert.equal((await named(host)).status, 200, host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'x@localhost:1',
    ]) {
      const { status, body } = await named(host);
      assert.equal(status, 403, `${host} ${body}`);
    }
  });

  it('lets a page of another origin ask for nothing, unless it is listed', async () => {
    const origin = 'https://ui.example';
    const listed = await daemon.serve({ origins: [origin] });
    const preflight = (url: string, from: string) =>
      fetch(`${url}/wiz.v1.RunService/StartRun`, {
        method: 'OPTIONS',
        headers: { origin: from, 'access-control-request-method': 'POST' },
      });
    const post = (url: string, from: string) =>
      fetch(`${url}/api/v1/runs/latest:cancel`, { method: 'POST', headers: { origin: from } });
    const allowed = await preflight(listed.url, origin);
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get('access-control-allow-origin'), origin);
    assert.match(allowed.headers.get('access-control-allow-headers')!, /Authorization/);
    assert.equal((await post(listed.url, origin)).status, 404, 'there is no run');
    assert.equal((await post(listed.url, origin)).headers.get('access-control-allow-origin'), origin);
    for (const [url, from] of [
      [server.url, origin],
      [listed.url, 'https://evil.example'],
      [listed.url, 'null'],
    ] as const) {
      assert.equal((await preflight(url, from)).status, 403);
      assert.equal((await post(url, from)).status, 403);
      assert.equal((await post(url, from)).headers.get('access-control-allow-origin'), null);
    }
    assert.equal((await post(server.url, server.url)).status, 404, 'its own pages may');
  });
});
