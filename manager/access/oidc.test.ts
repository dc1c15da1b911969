import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { type CryptoKey, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { type Claims, type OidcProvider, startOidcProvider } from '../../test/oidc-provider.ts';
import { codeOf, type GuardedPlace, guardedPlace } from './access.fixture.ts';

const { listRuns, startRun, pruneRuns } = RunService.method;
const ROLES = { 'wiz-admins': 'admin', science: 'operator', guests: 'viewer' };

async function trusting(
  t: TestContext,
  change: object = {},
): Promise<{ provider: OidcProvider; place: GuardedPlace; call(jwt: string): Promise<string> }> {
  const provider = await startOidcProvider(t);
  const { issuer, clientId } = provider;
  const place = await guardedPlace(t, { auth: { oidc: { issuer, clientId, roles: ROLES, ...change } } });
  let calls = 0;
  return {
    provider,
    place,
    async call(jwt) {
      calls += 1;
      place.peer.address = `10.0.0.${calls}`;
      return codeOf(await place.call(listRuns, `Bearer ${jwt}`));
    },
  };
}

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const nowS = () => Math.floor(Date.now() / 1000);

describe('callers with a JWT', () => {
  it('have the role that their groups are mapped to, the highest of several', async (t) => {
    const { place, provider } = await trusting(t);
    const roleFor = async (claims: Claims) => {
      const client = createClient(AccessService, place.transport(`Bearer ${await provider.sign(claims)}`));
      return (await client.getIdentity({})).identity!;
    };
    const ada = await roleFor({ groups: ['guests', 'science', 'others'] });
    assert.deepEqual([ada.kind, ada.name, ada.role], ['oidc', 'ada', Role.OPERATOR]);
    assert.ok(ada.expiresUnixMs > Date.now());
    assert.equal((await roleFor({ groups: 'wiz-admins' })).role, Role.ADMIN);
    assert.equal(
      (await roleFor({ groups: ['guests'], preferred_username: undefined })).name,
      'ada@example.com',
    );
    const nameless = { preferred_username: '', email: undefined, groups: ['guests'] };
    assert.equal((await roleFor(nameless)).name, 'u-1');
    for (const alg of ['ES256', 'EdDSA']) {
      const jwt = await provider.sign({ groups: ['science'] }, { alg });
      assert.equal(await place.call(startRun, `Bearer ${jwt}`), undefined, alg);
      assert.equal(codeOf(await place.call(pruneRuns, `Bearer ${jwt}`)), 'PermissionDenied');
    }
  });

  it('without a group that is mapped have no role, or the one for all', async (t) => {
    const without = await trusting(t);
    for (const groups of [[], undefined, ['toString'], 7, { admin: true }, [['wiz-admins', 1]]]) {
      assert.equal(await without.call(await without.provider.sign({ groups })), 'PermissionDenied');
    }
    const withDefault = await trusting(t, { defaultRole: 'viewer' });
    assert.equal(await withDefault.call(await withDefault.provider.sign()), 'ok');
  });

  it('are mapped by a claim inside of others, or with dots in its name', async (t) => {
    const nested = await trusting(t, { roleClaim: 'realm_access.roles' });
    const inside = { realm_access: { roles: ['science'] } };
    assert.equal(await nested.call(await nested.provider.sign(inside)), 'ok');
    const dotted = await trusting(t, { roleClaim: 'https://example.com/roles' });
    assert.equal(
      await dotted.call(await dotted.provider.sign({ 'https://example.com/roles': ['science'] })),
      'ok',
    );
    const odd = await trusting(t, { roleClaim: 'constructor.name' });
    assert.equal(await odd.call(await odd.provider.sign()), 'PermissionDenied');
  });

  it('are refused when the token is not for here, not from there, or not for now', async (t) => {
    const { provider, call } = await trusting(t);
    const groups = ['wiz-admins'];
    const wrong: Record<string, Claims> = {
      'another audience': { aud: 'another' },
      'no audience': { aud: undefined },
      'another issuer': { iss: 'http://127.0.0.1:1' },
      'the issuer with a slash': { iss: `${provider.issuer}/` },
      'no issuer': { iss: undefined },
      expired: { exp: nowS() - 61 },
      'no end': { exp: undefined },
      'an end that is text': { exp: 'tomorrow' },
      'not yet': { nbf: nowS() + 90 },
      'no subject': { sub: undefined },
    };
    for (const [why, claims] of Object.entries(wrong)) {
      assert.equal(await call(await provider.sign({ groups, ...claims })), 'Unauthenticated', why);
    }
    assert.equal(await call(await provider.sign({ groups, aud: ['another', provider.clientId] })), 'ok');
    // Clocks differ.
    assert.equal(await call(await provider.sign({ groups, exp: nowS() - 30 })), 'ok');
    assert.equal(await call(await provider.sign({ groups, nbf: nowS() + 30 })), 'ok');
  });

  it('are refused without a signature, or with one that anybody could make', async (t) => {
    const { provider, call } = await trusting(t);
    const good = await provider.sign({ groups: ['wiz-admins'] });
    const [header, payload, signature] = good.split('.') as [string, string, string];
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
    const rsa = provider.keys.find((key) => key.kid === kid)!;
    const pem = await exportSPKI((await importJWK(rsa, 'RS256', { extractable: true })) as CryptoKey);
    const { privateKey: stranger } = await generateKeyPair('RS256');
    const claims = { groups: ['wiz-admins'] };
    const forged = [
      `${base64({ alg: 'none', kid })}.${payload}.`,
      `${base64({ alg: 'None', kid })}.${payload}.${signature}`,
      `${base64({ kid })}.${payload}.${signature}`,
      // The public key, which everybody has, taken for a shared secret.
      await provider.sign(claims, { alg: 'HS256', kid, key: Buffer.from(pem) }),
      await provider.sign(claims, { alg: 'HS256', kid, key: Buffer.from(JSON.stringify(rsa)) }),
      await provider.sign(claims, { kid, key: stranger }),
      await provider.sign(claims, { kid: 'nobody', key: stranger }),
      `${header}.${base64({ ...claims, sub: 'u-1', exp: nowS() + 60 })}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${header}.${payload}.`,
      '..',
      `${header}.${payload}.${signature}.${signature}`,
      `${base64({ alg: 'RS256', kid, jwk: rsa, crit: ['x'] })}.${payload}.${signature}`,
    ];
    for (const jwt of forged) assert.equal(await call(jwt), 'Unauthenticated', jwt.slice(0, 60));
    assert.equal(await call(good), 'ok');
    assert.equal(
      await call(await provider.sign({ groups: ['guests'], fill: 'x'.repeat(9000) })),
      'Unauthenticated',
    );
  });

  it('are refused signatures that the configuration does not name', async (t) => {
    const { provider, call } = await trusting(t, { algorithms: ['ES256'], defaultRole: 'viewer' });
    assert.equal(await call(await provider.sign()), 'Unauthenticated');
    assert.equal(await call(await provider.sign({}, { alg: 'ES256' })), 'ok');
  });
});

describe('the provider of JWTs', () => {
  it('may change its keys', async (t) => {
    const { provider, place, call } = await trusting(t, { defaultRole: 'viewer' });
    const old = await provider.sign();
    assert.equal(await call(old), 'ok');
    await provider.rotate();
    const fresh = await provider.sign();
    // jose asks again when some seconds have passed since it last did; by its own clock.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 11_000 });
    assert.equal(await call(fresh), 'ok');
    assert.equal(await call(old), 'Unauthenticated');
    assert.equal(place.notes.length, 0);
  });

  it('is not asked again for each token with an unknown key', async (t) => {
    const { provider, call } = await trusting(t, { defaultRole: 'viewer' });
    assert.equal(await call(await provider.sign()), 'ok');
    const asked = provider.asked.length;
    for (let i = 0; i < 5; i += 1) {
      assert.equal(await call(await provider.sign({}, { kid: `guess-${i}` })), 'Unauthenticated');
    }
    assert.equal(provider.asked.length, asked);
  });

  it('may be down: keys that are known go on, without any nobody is let in', async (t) => {
    const { provider, place, call } = await trusting(t, { defaultRole: 'admin' });
    provider.failing = { status: 503 };
    const jwt = await provider.sign({ exp: nowS() + 200_000 });
    const token = await place.token(Role.VIEWER);
    assert.equal(await call(jwt), 'Unavailable');
    const asked = provider.asked.length;
    assert.equal(await call(jwt), 'Unavailable');
    assert.equal(provider.asked.length, asked, 'not asked again at once');
    assert.equal(await call(token), 'ok');

    provider.failing = undefined;
    place.clock.aheadMs = 11_000;
    assert.equal(await call(jwt), 'ok');
    provider.failing = { status: 503 };
    place.clock.aheadMs = 3_600_000;
    assert.equal(await call(jwt), 'ok');
    place.clock.aheadMs = 25 * 3_600_000;
    assert.equal(await call(jwt), 'Unavailable');
    assert.ok(place.notes.some((line) => line.includes('cannot be asked')));
  });

  it('that answers with something else is as if it were down', async (t) => {
    const { provider, place, call } = await trusting(t, { defaultRole: 'admin' });
    const jwt = await provider.sign();
    const discovery = (document: object) => ({ status: 200, body: JSON.stringify(document) });
    const answers = [
      { status: 200, body: 'no JSON' },
      { status: 200, body: `{"x":"${'y'.repeat(1_100_000)}"}` },
      { status: 302 },
      discovery({ issuer: 'https://evil.example.com', jwks_uri: `${provider.issuer}/jwks` }),
      discovery({ issuer: provider.issuer, jwks_uri: 'file:///etc/passwd' }),
      discovery({ issuer: provider.issuer }),
      discovery({}),
    ];
    for (const answer of answers) {
      provider.failing = answer;
      place.clock.aheadMs += 11_000;
      assert.equal(await call(jwt), 'Unavailable', JSON.stringify(answer).slice(0, 80));
    }
  });
});
