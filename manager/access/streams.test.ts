import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { startOidcProvider } from '../../test/oidc-provider.ts';
import { type GuardedPlace, guardedPlace } from './access.fixture.ts';

/** Asks for the next message of a stream without end; whether there is none. */
function endless({ access }: GuardedPlace, token: string): () => Promise<boolean | undefined> {
  const transport = createRouterTransport(
    ({ service }) =>
      service(RunService, {
        async *watchRun() {
          for (;;) yield { events: [] };
        },
      }),
    { router: { requestGate: access.gate, interceptors: [access.interceptor] } },
  );
  const headers = { authorization: `Bearer ${token}` };
  const stream = createClient(RunService, transport).watchRun({ runId: 'r' }, { headers });
  const messages = stream[Symbol.asyncIterator]();
  return async () => (await messages.next()).done;
}

describe('a long stream', () => {
  it('ends with its first message some seconds after the token was revoked', async (t) => {
    const place = await guardedPlace(t);
    const token = await place.token(Role.VIEWER);
    const next = endless(place, token);
    assert.equal(await next(), false);
    place.clock.aheadMs = 60_000;
    assert.equal(await next(), false);
    await place.store.revokeToken(token.split('_')[1]!, Date.now());
    place.clock.aheadMs += 9_000;
    assert.equal(await next(), false);
    place.clock.aheadMs += 1_000;
    await assert.rejects(next(), { code: 16, message: /no longer valid/ });
  });

  it('ends so after the JWT has expired, clocks that differ taken into account', async (t) => {
    const { issuer, clientId, sign } = await startOidcProvider(t, { expiresIn: 300 });
    const oidc = { issuer, clientId, clockSkewSeconds: 60, defaultRole: 'viewer' };
    const place = await guardedPlace(t, { auth: { oidc } });
    const next = endless(place, await sign());
    assert.equal(await next(), false);
    place.clock.aheadMs = 340_000;
    assert.equal(await next(), false);
    place.clock.aheadMs = 361_000;
    await assert.rejects(next(), { code: 16, message: /no longer valid/ });
  });
});
