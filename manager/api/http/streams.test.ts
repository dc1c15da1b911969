import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as http1Request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { describe, it } from 'node:test';
import { type ConnectRouter, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { ManagerService } from '../../../proto/gen/wiz/v1/managers_pb.js';
import { RunService } from '../../../proto/gen/wiz/v1/runs_pb.js';
import { until } from '../../../test/e2e/place.ts';
import { servedManager } from './daemon.fixture.ts';

describe('streams', () => {
  const { daemon, server } = servedManager();

  it('end with a client that has gone, whatever is still to be told', async () => {
    let open = 0;
    /** More than any window holds; and once more when the client has gone. */
    const line = 'x'.repeat(4 * 1024 * 1024);
    const routes = ({ service }: ConnectRouter) =>
      service(RunService, {
        async *watchRun(_, { signal }) {
          open++;
          try {
            const gone = signal.aborted ? undefined : once(signal, 'abort');
            yield { tails: [{ processor: 'a', attempt: 1, line }] };
            await gone;
            for (;;) yield { tails: [{ processor: 'a', attempt: 1, line }] };
          } finally {
            open--;
          }
        },
      });
    const telling = await daemon.serve({ routes });
    const path = '/api/v1/runs/r:watch';

    const leave = new AbortController();
    const client = createClient(RunService, createGrpcTransport({ baseUrl: telling.url }));
    const watch = client.watchRun({ runId: 'r' }, { signal: leave.signal })[Symbol.asyncIterator]();
    await watch.next();
    assert.equal(open, 1);
    leave.abort();
    await until('gRPC has ended', () => open === 0);

    const session = connectHttp2(telling.url);
    const stream = session.request({ ':path': path });
    await once(stream, 'data');
    assert.equal(open, 1);
    stream.close();
    await until('REST over HTTP/2 has ended', () => open === 0);
    session.destroy();

    const request = http1Request(telling.url + path).end();
    const [response] = await once(request, 'response');
    await once(response, 'data');
    assert.equal(open, 1);
    request.destroy();
    await until('REST over HTTP/1.1 has ended', () => open === 0);
  });

  it('refuses a deadline that no timer can hold', async () => {
    // By header: the client's own timer could not hold it either.
    const headers = { 'grpc-timeout': '2678400S', 'connect-timeout-ms': '2678400000' };
    for (const transport of [
      createGrpcTransport({ baseUrl: server.url }),
      createConnectTransport({ baseUrl: server.url, httpVersion: '1.1' }),
    ]) {
      const call = createClient(ManagerService, transport).getManager({}, { headers });
      await assert.rejects(call, /\[invalid_argument\] timeout 2678400000ms must be <= 2147483647/);
    }
  });
});
