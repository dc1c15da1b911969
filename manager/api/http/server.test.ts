import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Client, credentials } from '@grpc/grpc-js';
import {
  GetManagerRequestSchema,
  type GetManagerResponse,
  GetManagerResponseSchema,
  ManagerService,
} from '../../../proto/gen/wiz/v1/managers_pb.js';
import { Role } from '../../../proto/gen/wiz/v1/options_pb.js';
import { type Certificate, newCertificate, writeCertificate } from '../../../test/certificate.ts';
import { until } from '../../../test/e2e/place.ts';
import { servedManager } from './daemon.fixture.ts';
import { peerKey } from './peer.ts';
import type { HttpServer } from './server.ts';

describe('one port', () => {
  const { daemon, server: clear } = servedManager();
  let encrypted: HttpServer;
  let certificate: Certificate;
  before(async () => {
    certificate = newCertificate('wiz');
    encrypted = await daemon.serve({ tls: writeCertificate(join(daemon.folder, 'tls'), certificate) });
  });

  const nodeOptions = () => ({ ca: certificate.certificate });
  const transports: Record<string, (baseUrl: string) => Transport> = {
    gRPC: (baseUrl) => createGrpcTransport({ baseUrl, nodeOptions: nodeOptions() }),
    'gRPC-Web over HTTP/1.1': (baseUrl) =>
      createGrpcWebTransport({ baseUrl, httpVersion: '1.1', nodeOptions: nodeOptions() }),
    'gRPC-Web over HTTP/2': (baseUrl) =>
      createGrpcWebTransport({ baseUrl, httpVersion: '2', nodeOptions: nodeOptions() }),
    'Connect over HTTP/1.1': (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: '1.1', nodeOptions: nodeOptions() }),
    'Connect over HTTP/2 in JSON': (baseUrl) =>
      createConnectTransport({
        baseUrl,
        httpVersion: '2',
        useBinaryFormat: false,
        nodeOptions: nodeOptions(),
      }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    for (const kind of ['clear text', 'TLS']) {
      it(`answers ${name} in ${kind}`, async () => {
        const server = kind === 'TLS' ? encrypted : clear;
        const client = createClient(ManagerService, transport(server.url));
        assert.equal((await client.getManager({})).managerId, daemon.manager.managerId);
      });
    }
  }

  it('answers a stock gRPC client', async () => {
    for (const [server, trust] of [
      [clear, credentials.createInsecure()],
      [encrypted, credentials.createSsl(Buffer.from(certificate.certificate))],
    ] as const) {
      const client = new Client(`localhost:${server.port}`, trust);
      const response = await new Promise<GetManagerResponse | undefined>((resolve, reject) => {
        client.makeUnaryRequest(
          '/wiz.v1.ManagerService/GetManager',
          (request: object) => Buffer.from(toBinary(GetManagerRequestSchema, request as never)),
          (bytes: Buffer) => fromBinary(GetManagerResponseSchema, bytes),
          { $typeName: 'wiz.v1.GetManagerRequest' },
          (error, value) => (error ? reject(error) : resolve(value)),
        );
      });
      assert.equal(response!.managerId, daemon.manager.managerId);
      client.close();
    }
  });

  it('answers JSON to fetch', async () => {
    const response = await fetch(`${clear.url}/wiz.v1.ManagerService/GetManager`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.partialDeepStrictEqual(await response.json(), { managerId: daemon.manager.managerId });
  });

  it('tells plain HTTP on a port with TLS to use https', async () => {
    const response = await fetch(`http://127.0.0.1:${encrypted.port}/api/v1/runs`);
    assert.equal(response.status, 400);
    assert.match(await response.text(), /https/);
  });

  it('tells HTTP/2 from HTTP/1.1 however their bytes come', async () => {
    const socket = connectTcp(clear.port, '127.0.0.1');
    await once(socket, 'connect');
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (const character of preface) {
      socket.write(character);
      await new Promise(setImmediate);
    }
    // An empty SETTINGS frame.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.equal(answer[3], 4, 'a SETTINGS frame');
    socket.destroy();
  });

  it('takes a renewed certificate without a restart, and keeps the old one when the new one is broken', async () => {
    const folder = join(daemon.folder, 'renewed');
    const first = newCertificate('first');
    const notes: string[] = [];
    const server = await daemon.serve({
      tls: writeCertificate(folder, first),
      note: (message) => notes.push(message),
    });
    const second = newCertificate('second');
    writeCertificate(folder, { ...second, key: 'no key' });
    process.emit('SIGHUP');
    await until('it is told', () => notes.some((note) => note.includes('old certificate stays')));
    assert.equal(await subjectAt(server.port), 'first');
    writeCertificate(folder, second);
    process.emit('SIGHUP');
    await until('the second is there', async () => (await subjectAt(server.port)) === 'second');
  });

  it('refuses files that are no certificate', async () => {
    const tls = writeCertificate(join(daemon.folder, 'bad'), { ...certificate, key: 'nothing' });
    await assert.rejects(daemon.serve({ tls }), /no certificate and its key/);
    await assert.rejects(daemon.serve({ tls: { ...tls, key: '/nowhere' } }), /nowhere/);
  });

  it('asks clients for a certificate where it is told to', async () => {
    const authority = newCertificate('authority');
    const folder = join(daemon.folder, 'mutual');
    const clientAuthority = writeCertificate(join(folder, 'ca'), authority).certificate;
    const server = await daemon.serve({ tls: { ...writeCertificate(folder, certificate), clientAuthority } });
    const client = newCertificate('client', { issuer: authority });
    const call = (more: object) =>
      createClient(
        ManagerService,
        createGrpcTransport({ baseUrl: server.url, nodeOptions: { ca: certificate.certificate, ...more } }),
      ).getManager({});
    await call({ cert: client.certificate, key: client.key });
    await assert.rejects(call({}));
    const other = newCertificate('other');
    await assert.rejects(call({ cert: other.certificate, key: other.key }));
  });

  it('tells interceptors and endpoints who calls', async () => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.contextValues.get(peerKey).address);
      return next(request);
    };
    const server = await daemon.serve({ interceptors: [interceptor] });
    const behind = await daemon.serve({ interceptors: [interceptor], behindProxy: true });
    for (const { url } of [server, behind]) {
      const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
      await createClient(ManagerService, transport).getManager(
        {},
        { headers: { 'x-forwarded-for': '203.0.113.9, [2001:db8::7]:443' } },
      );
    }
    assert.deepEqual(seen, ['127.0.0.1', '2001:db8::7']);
  });

  it('serves endpoints to those who may', async () => {
    const server = await daemon.serve({
      endpoints: [
        {
          method: 'GET',
          path: '/open',
          role: Role.ANYONE,
          handle: (_, response) => void response.end('open'),
        },
        {
          method: 'GET',
          path: '/secret/*',
          role: Role.ADMIN,
          handle: (request, response, caller) => void response.end(`${caller} at ${request.url}`),
        },
        {
          method: 'POST',
          path: '/broken',
          role: Role.ANYONE,
          handle: () => Promise.reject(new Error('of the database: password')),
        },
      ],
      async admit(headers, peer, role) {
        assert.equal(role, Role.ADMIN);
        assert.equal(peer.address, '127.0.0.1');
        const given = headers.get('authorization');
        if (given === null) throw new ConnectError('Who?', Code.Unauthenticated);
        if (given !== 'Bearer ada') throw new ConnectError('No.', Code.PermissionDenied);
        return 'ada';
      },
    });
    const get = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(server.url + path, init);
      return { status: response.status, text: await response.text() };
    };
    const as = (who: string) => ({ headers: { authorization: `Bearer ${who}` } });
    assert.deepEqual(await get('/open'), { status: 200, text: 'open' });
    assert.equal((await get('/open', { method: 'POST' })).status, 405);
    assert.equal((await get('/secret/a')).status, 401);
    assert.equal((await get('/secret/a', as('bob'))).status, 403);
    assert.deepEqual(await get('/secret/a?b', as('ada')), { status: 200, text: 'ada at /secret/a?b' });
    assert.equal((await get('/nothing')).status, 404);
    const broken = await get('/broken', { method: 'POST' });
    assert.deepEqual(broken, { status: 500, text: '{"code":"internal","message":"internal error"}' });
  });

  function subjectAt(port: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
    return promise;
  }
});
