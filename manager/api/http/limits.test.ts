import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as http1Request, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, type ConnectError, createClient } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { ManagerService } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../../../proto/gen/wiz/v1/pipelines_pb.js';
import { RunService } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { newCertificate, writeCertificate } from '../../../test/certificate.ts';
import { until } from '../../../test/e2e/place.ts';
import { servedManager } from './daemon.fixture.ts';
import type { HttpServer } from './server.ts';

/** Milliseconds: short, so that a test need not wait long for what must end. */
const SHORT = { headerMs: 300, bodyMs: 300, idleMs: 300 };
const MEGABYTE = 1024 * 1024;

describe('limits of the port', () => {
  const { daemon, server } = servedManager();

  /** A raw connection, and what it was sent until it was closed. */
  function raw({ port }: HttpServer, text = ''): { socket: Socket; closed: Promise<string> } {
    const socket = connect(port, '127.0.0.1');
    socket.write(text);
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    // Not once(), which rejects at an error: a reset is as good an end.
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)));
    return { socket, closed };
  }

  /** Writes a byte again and again, as one does who wants to hold a connection for ever. */
  async function trickle(socket: Socket, byte = 'x'): Promise<void> {
    while (!socket.destroyed) {
      socket.write(byte);
      await sleep(50);
    }
  }

  it('closes a connection that says nothing, or trickles', async () => {
    const hasty = await daemon.serve({ limits: SHORT });
    const tls = writeCertificate(join(daemon.folder, 'tls'), newCertificate('wiz'));
    const encrypted = await daemon.serve({ limits: SHORT, tls });
    await raw(hasty).closed;
    await raw(encrypted).closed;
    // A TLS record of 512 bytes whose rest never comes.
    const handshake = raw(encrypted, '\x16\x03\x01\x02\x00');
    await Promise.all([handshake.closed, trickle(handshake.socket)]);
    const headers = raw(hasty, 'GET / HTTP/1.1\r\nhost: localhost\r\nx: ');
    await Promise.all([headers.closed, trickle(headers.socket)]);
    const preface = raw(hasty, 'PRI * HTTP');
    await preface.closed;
    // A HEADERS frame of 4 KiB whose rest never comes.
    const frame = Buffer.from([0, 0x10, 0, 1, 4, 0, 0, 0, 1]).toString('latin1');
    const http2 = raw(hasty);
    http2.socket.write(Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0${frame}`, 'latin1'));
    await Promise.all([http2.closed, trickle(http2.socket)]);
  });

  it('closes a connection whose body trickles', async () => {
    const hasty = await daemon.serve({ limits: SHORT });
    const head = [
      'POST /api/v1/runs HTTP/1.1',
      'host: localhost',
      'content-type: application/json',
      'content-length: 1000000',
    ];
    const rest = raw(hasty, `${head.join('\r\n')}\r\n\r\n`);
    await Promise.all([rest.closed, trickle(rest.socket)]);
    const session = connectHttp2(hasty.url).on('error', () => {});
    const stream = session.request({
      ':method': 'POST',
      ':path': '/wiz.v1.RunService/StartRun',
      'content-type': 'application/json',
    });
    stream.on('error', () => {});
    // Reset. Node does not always destroy such a stream: a write that was under way is never over.
    while (!stream.closed) {
      stream.write(' ');
      await sleep(50);
    }
    session.destroy();
  });

  it('closes idle connections, and lets those go on that watch', async () => {
    const hasty = await daemon.serve({ limits: SHORT });
    const session = connectHttp2(hasty.url);
    const response = session.request({ ':path': '/api/v1/manager' });
    response.resume();
    await once(response, 'end');
    await once(session, 'close');
    await raw(hasty, 'GET /api/v1/manager HTTP/1.1\r\nhost: localhost\r\n\r\n').closed;

    const runId = await start('sleep 300');
    const watches = [
      createClient(RunService, createGrpcTransport({ baseUrl: hasty.url })),
      createClient(RunService, createConnectTransport({ baseUrl: hasty.url, httpVersion: '1.1' })),
    ].map(async (client) => {
      let last = 0;
      for await (const { events } of client.watchRun({ runId })) last = events.at(-1)?.seq ?? last;
      return last;
    });
    // Longer than all times together.
    await sleep(1_500);
    await cancel(runId);
    const [first, second] = await Promise.all(watches);
    assert.ok(first! >= 3 && first === second, `both saw the end: ${first}, ${second}`);
  });

  it('refuses 100 MB, before it has them', async () => {
    const files = [{ path: 'a.yaml', content: new Uint8Array(100 * MEGABYTE), baseDir: '/' }];
    for (const transport of [
      // Node's client takes no answer while it holds more than this itself.
      createGrpcTransport({ baseUrl: server.url, nodeOptions: { maxSessionMemory: 1_000 } }),
      createGrpcWebTransport({ baseUrl: server.url, httpVersion: '1.1' }),
      createConnectTransport({
        baseUrl: server.url,
        httpVersion: '2',
        nodeOptions: { maxSessionMemory: 1_000 },
      }),
      createConnectTransport({ baseUrl: server.url, httpVersion: '1.1' }),
    ]) {
      await assert.rejects(
        createClient(PipelineService, transport).validatePipelines({ files }),
        (error: ConnectError) => error.code === Code.ResourceExhausted,
      );
    }
    for (const path of ['/api/v1/pipelines:validate', '/wiz.v1.PipelineService/ValidatePipelines']) {
      for (const length of [true, false]) {
        const { status, sent, text } = await upload(path, length);
        // Without a length, Connect's own status for what is exhausted.
        assert.ok(
          status === 413 || (status === 429 && !length && path.startsWith('/wiz')),
          `${status} ${path}`,
        );
        assert.equal(JSON.parse(text).code, 'resource_exhausted');
        assert.ok(sent < 60 * MEGABYTE, `${path} took ${sent / MEGABYTE} MB`);
      }
    }
  });

  /** Sends 100 MB for as long as they are taken. */
  async function upload(path: string, announced: boolean) {
    const request = http1Request(server.url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(announced && { 'content-length': `${100 * MEGABYTE}` }),
      },
    });
    request.on('error', () => {});
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    let over = false;
    answered.finally(() => {
      over = true;
    });
    let sent = 0;
    const spaces = Buffer.alloc(MEGABYTE, ' ');
    while (!over && sent < 100 * MEGABYTE) {
      sent += spaces.length;
      if (!request.write(spaces)) await Promise.race([once(request, 'drain'), answered]);
      await new Promise(setImmediate);
    }
    const [response] = await answered;
    let text = '';
    for await (const chunk of response) text += chunk;
    request.destroy();
    return { status: response.statusCode!, sent, text };
  }

  it('unpacks no more than it would take', async () => {
    const { gzipSync } = await import('node:zlib');
    const response = await fetch(`${server.url}/wiz.v1.PipelineService/ValidatePipelines`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(100 * MEGABYTE, ' ')),
    });
    assert.equal(((await response.json()) as { code: string }).code, 'resource_exhausted');
  });

  it('refuses long headers', async () => {
    const long = 'x'.repeat(40_000);
    const response = await fetch(`${server.url}/api/v1/manager`, { headers: { long } });
    assert.equal(response.status, 431);
    const session = connectHttp2(server.url).on('error', () => {});
    const stream = session.request({ ':path': '/api/v1/manager', long });
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 431);
    session.destroy();
  });

  it('takes only so many connections, of one address and together', async () => {
    for (const limits of [{ connectionsPerAddress: 2 }, { connections: 2 }]) {
      const small = await daemon.serve({ limits });
      const ask = 'GET /api/v1/manager HTTP/1.1\r\nhost: localhost\r\n\r\n';
      const [one, two] = [raw(small, ask), raw(small, ask)];
      await Promise.all([once(one.socket, 'data'), once(two.socket, 'data')]);
      assert.equal(await raw(small, ask).closed, '');
      one.socket.destroy();
      await until('there is room again', async () => {
        const next = raw(small, ask);
        const answered = await Promise.race([
          once(next.socket, 'data').then(() => true),
          next.closed.then(() => false),
        ]);
        next.socket.destroy();
        return answered;
      });
      two.socket.destroy();
    }
  });

  it('has room for a thousand who watch on one connection, and for others', async () => {
    const runId = await start('sleep 300');
    const watching = createClient(RunService, createGrpcTransport({ baseUrl: server.url }));
    const leave = new AbortController();
    const seen: number[] = [];
    const watches = Array.from({ length: 1_000 }, async (_, i) => {
      seen[i] = 0;
      for await (const { events } of watching.watchRun({ runId }, { signal: leave.signal })) {
        seen[i] = events.at(-1)?.seq ?? seen[i]!;
      }
    });
    await until('all have seen the attempt', () => seen.length === 1_000 && seen.every((seq) => seq >= 2));
    const other = createClient(ManagerService, createGrpcTransport({ baseUrl: server.url }));
    assert.equal((await other.getManager({})).managerId, daemon.manager.managerId);
    await cancel(runId);
    await Promise.all(watches);
    assert.equal(new Set(seen).size, 1, 'all have seen the end');
  });

  it('closes at its deadline, whatever goes on', async () => {
    const stuck = await daemon.serve({
      interceptors: [() => () => new Promise(() => {})],
    });
    const client = createClient(ManagerService, createGrpcTransport({ baseUrl: stuck.url }));
    const call = assert.rejects(client.getManager({}));
    await sleep(100);
    await stuck.close(200);
    await call;
  });

  it('answers what it was asked before it closed', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const leaving = await daemon.serve({
      interceptors: [
        (next) => async (request) => {
          asked++;
          await held;
          return next(request);
        },
      ],
    });
    const calls = [
      createGrpcTransport({ baseUrl: leaving.url }),
      createConnectTransport({ baseUrl: leaving.url, httpVersion: '1.1' }),
    ].map((transport) => createClient(ManagerService, transport).getManager({}));
    await until('both are there', () => asked === 2);
    const closed = leaving.close();
    release();
    for (const call of calls) assert.equal((await call).managerId, daemon.manager.managerId);
    await closed;
    await assert.rejects(once(connect(leaving.port, '127.0.0.1'), 'connect'), /ECONNREFUSED/);
  });

  async function start(script: string): Promise<string> {
    const runs = createClient(RunService, createGrpcTransport({ baseUrl: server.url }));
    const value = { argv: ['sh', '-c', script], workdir: daemon.folder };
    const { run } = await runs.startRun({ target: { case: 'adHoc', value } });
    return run!.runId;
  }

  async function cancel(runId: string): Promise<void> {
    await createClient(RunService, createGrpcTransport({ baseUrl: server.url })).cancelRun({ runId });
  }
});
