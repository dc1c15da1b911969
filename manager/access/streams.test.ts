import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { guardedPlace } from './access.fixture.ts';

describe('a long stream', () => {
  it('ends with its first message some seconds after the token was revoked', async (t) => {
    const place = await guardedPlace(t);
    const token = await place.token(Role.VIEWER);
    const transport = createRouterTransport(
      ({ service }) =>
        service(RunService, {
          async *watchRun() {
            for (;;) yield { events: [] };
          },
        }),
      { router: { requestGate: place.access.gate, interceptors: [place.access.interceptor] } },
    );
    const headers = { authorization: `Bearer ${token}` };
    const stream = createClient(RunService, transport).watchRun({ runId: 'r' }, { headers });
    const messages = stream[Symbol.asyncIterator]();
    const next = async () => (await messages.next()).done;
    assert.equal(await next(), false);
    place.clock.aheadMs = 60_000;
    assert.equal(await next(), false);
    await place.store.revokeToken(token.split('_')[1]!, Date.now());
    place.clock.aheadMs += 9_000;
    assert.equal(await next(), false);
    place.clock.aheadMs += 1_000;
    await assert.rejects(next(), { code: 16, message: /no longer valid/ });
  });
});
