import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Client, createClient } from '@connectrpc/connect';
import fc from 'fast-check';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { codeOf, type GuardedPlace, guardedPlace } from './access.fixture.ts';
import { newToken } from './token.ts';

const { startRun, listRuns } = RunService.method;

async function asAdmin(place: GuardedPlace): Promise<Client<typeof AccessService>> {
  return createClient(AccessService, place.transport(`Bearer ${await place.token(Role.ADMIN)}`));
}

describe('API tokens', () => {
  it('are told once, and open what they are for', async (t) => {
    const place = await guardedPlace(t);
    const admin = await asAdmin(place);
    const { token, secret } = await admin.createToken({ name: 'ci', role: Role.OPERATOR });
    assert.match(secret, /^wiz_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/);
    assert.equal(await place.call(startRun, `Bearer ${secret}`), undefined);
    assert.equal(await place.call(startRun, `bearer   ${secret}`), undefined);
    const { identity } = await createClient(AccessService, place.transport(`Bearer ${secret}`)).getIdentity(
      {},
    );
    assert.deepEqual([identity?.name, identity?.kind, identity?.role], ['ci', 'token', Role.OPERATOR]);
    const listed = JSON.stringify([
      token,
      await admin.listTokens({ all: true }),
      await place.store.listTokens(),
    ]);
    assert.ok(!listed.includes(secret.slice(-43)));
    assert.ok(listed.includes('ci'));
  });

  it('open nothing when they are wrong, malformed or huge', async (t) => {
    const place = await guardedPlace(t);
    const good = await place.token(Role.ADMIN);
    const wrongSecret = `${good.slice(0, -43)}${newToken().secret}`;
    const wrong = [
      newToken().text,
      wrongSecret,
      good.slice(0, -1),
      `${good}A`,
      good.toUpperCase(),
      good.replace('wiz_', 'WIZ_'),
      good.slice(4),
      'wiz__',
      'x'.repeat(200),
      'x'.repeat(1_000_000),
      `${good}.${good}.${good}`,
    ].map((token) => `Bearer ${token}`);
    const malformed = [
      good,
      `Token ${good}`,
      'Bearer',
      'Bearer ',
      '',
      `Bearer ${good} x`,
      `Bearer ${good}, Bearer ${good}`,
    ];
    for (const [i, authorization] of [...wrong, ...malformed, `Basic ${good}`].entries()) {
      place.peer.address = `10.0.0.${i}`;
      const error = await place.call(listRuns, authorization);
      assert.equal(codeOf(error), 'Unauthenticated', authorization.slice(0, 80));
      assert.ok(!error!.message.includes(good.slice(-43)));
    }
    assert.deepEqual(place.reached, []);
  });

  it('open nothing once they are revoked or have expired', async (t) => {
    const place = await guardedPlace(t);
    const admin = await asAdmin(place);
    const [byId, byName] = [
      await admin.createToken({ name: 'a', role: 2 }),
      await admin.createToken({ name: 'b', role: 2 }),
    ];
    for (const { secret } of [byId, byName])
      assert.equal(await place.call(listRuns, `Bearer ${secret}`), undefined);
    await admin.revokeToken({ token: byId.token!.tokenId });
    await admin.revokeToken({ token: 'b' });
    for (const { secret } of [byId, byName]) {
      assert.equal(codeOf(await place.call(listRuns, `Bearer ${secret}`)), 'Unauthenticated');
    }
    await assert.rejects(admin.revokeToken({ token: 'b' }), /There is no token "b"/);
    const expiring = await place.token(Role.VIEWER, { expiresMs: Date.now() + 60_000 });
    assert.equal(await place.call(listRuns, `Bearer ${expiring}`), undefined);
    place.clock.aheadMs = 60_001;
    assert.equal(codeOf(await place.call(listRuns, `Bearer ${expiring}`)), 'Unauthenticated');
    const { tokens } = await admin.listTokens({});
    assert.ok(!tokens.some(({ name }) => name === 'a' || name === 'b'));
    const all = (await admin.listTokens({ all: true })).tokens;
    assert.ok(all.find(({ name }) => name === 'a')!.revokedUnixMs > 0);
  });

  it('that another manager revoked open for a second at most', async (t) => {
    const place = await guardedPlace(t);
    const token = await place.token(Role.VIEWER);
    assert.equal(await place.call(listRuns, `Bearer ${token}`), undefined);
    await place.store.revokeToken(token.split('_')[1]!, Date.now());
    place.clock.aheadMs = 1000;
    assert.equal(codeOf(await place.call(listRuns, `Bearer ${token}`)), 'Unauthenticated');
  });

  it('with scopes open those methods only', async (t) => {
    const place = await guardedPlace(t);
    const bearer = async (...scopes: string[]) => `Bearer ${await place.token(Role.OPERATOR, { scopes })}`;
    const one = await bearer('RunService/StartRun');
    assert.equal(await place.call(startRun, one), undefined);
    assert.equal(codeOf(await place.call(listRuns, one)), 'PermissionDenied');
    assert.equal(await place.call(AccessService.method.getIdentity, one), undefined);
    const service = await bearer('RunService/*');
    assert.equal(await place.call(listRuns, service), undefined);
    assert.equal(codeOf(await place.call(RunService.method.pruneRuns, service)), 'PermissionDenied');
    await assert.rejects(
      place.access.admit(new Headers({ authorization: service }), { address: '' }, Role.VIEWER),
      /not among the scopes/,
    );
  });

  it('are checked when they are made', async (t) => {
    const place = await guardedPlace(t);
    const admin = await asAdmin(place);
    const refused = (request: Parameters<typeof admin.createToken>[0], message: RegExp) =>
      assert.rejects(admin.createToken({ name: 'x', role: Role.VIEWER, ...request }), message);
    await refused({ scopes: ['RunService/StratRun'] }, /Did you mean "RunService\/StartRun"\?/);
    await refused({ scopes: ['*'] }, /A scope is a method such as/);
    await refused({ name: 'a b\n' }, /cannot be the name of a token/);
    await refused({ name: '' }, /cannot be the name of a token/);
    await refused({ role: Role.UNSPECIFIED }, /Give viewer, operator or admin/);
    await refused({ role: 9 as Role }, /Give viewer, operator or admin/);
    await refused({ expiresUnixMs: 5 }, /would have expired already/);
    await refused({ expiresUnixMs: Number.NaN }, /would have expired already/);
    await admin.createToken({ name: 'x', role: Role.VIEWER });
    await refused({}, /There is a valid token named "x" already/);
  });

  it('give no more than they have', async (t) => {
    const place = await guardedPlace(t);
    const scopes = ['AccessService/CreateToken', 'RunService/*'];
    const scoped = createClient(
      AccessService,
      place.transport(`Bearer ${await place.token(Role.ADMIN, { scopes })}`),
    );
    await assert.rejects(scoped.createToken({ name: 'all', role: Role.ADMIN }), { code: 7 });
    await assert.rejects(scoped.createToken({ name: 'other', role: Role.ADMIN, scopes: ['FileService/*'] }), {
      code: 7,
    });
    await scoped.createToken({ name: 'less', role: Role.ADMIN, scopes: ['RunService/StartRun'] });
  });

  it('tell when they were used last, written once a minute', async (t) => {
    const place = await guardedPlace(t);
    const token = await place.token(Role.VIEWER);
    const lastUsed = async () => (await place.store.getToken(token.split('_')[1]!))!.lastUsedMs;
    await place.call(listRuns, `Bearer ${token}`);
    const first = await lastUsed();
    assert.ok(first > 0);
    place.clock.aheadMs = 50_000;
    await place.call(listRuns, `Bearer ${token}`);
    assert.equal(await lastUsed(), first);
    place.clock.aheadMs = 61_000;
    await place.call(listRuns, `Bearer ${token}`);
    assert.ok((await lastUsed()) >= first + 60_000);
  });

  it('of the configuration and of the process open everything', async (t) => {
    const bootstrapToken = 'b'.repeat(32);
    const place = await guardedPlace(t, { auth: { bootstrapToken } });
    const machine = place.access.issueToken();
    for (const token of [bootstrapToken, machine]) {
      assert.equal(await place.call(RunService.method.pruneRuns, `Bearer ${token}`), undefined);
    }
    assert.equal(codeOf(await place.call(listRuns, `Bearer ${'b'.repeat(31)}`)), 'Unauthenticated');
    const forged = `${machine.slice(0, -43)}${newToken().secret}`;
    assert.equal(codeOf(await place.call(listRuns, `Bearer ${forged}`)), 'Unauthenticated');
    assert.equal((await place.store.listTokens()).length, 0);
  });
});

describe('the header Authorization', () => {
  it('is refused whatever it holds, but for a credential', async (t) => {
    const place = await guardedPlace(t);
    const good = await place.token(Role.ADMIN);
    const word = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.base64String(),
      fc.constantFrom(good, `${good}\t`, 'wiz_', '..', good.replaceAll('_', '.')),
      fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join('.')),
    );
    const scheme = fc.constantFrom('Bearer', 'basic', 'Basic ', 'BEARER', 'Digest', '', 'Bearer Bearer');
    let calls = 0;
    const property = fc.asyncProperty(scheme, word, async (kind, text) => {
      const headers = headersOf(`${kind} ${text}`);
      if (
        headers === undefined ||
        (/^bearer +\S+$/i.test(headers.get('authorization')!) && text.trim() === good)
      )
        return;
      calls += 1;
      const peer = { address: `10.1.${calls >> 8}.${calls & 255}` };
      await assert.rejects(place.access.admit(headers, peer, Role.VIEWER), ({ code }) =>
        [16, 8].includes(code),
      );
    });
    await fc.assert(property, { numRuns: 150 });
  });
});

/** Undefined for what HTTP does not carry. */
function headersOf(authorization: string): Headers | undefined {
  try {
    return new Headers({ authorization });
  } catch {
    return undefined;
  }
}

describe('without a credential', () => {
  it('what the configuration says may be done, and no more', async (t) => {
    const place = await guardedPlace(t, { auth: { anonymous: 'viewer' } });
    assert.equal(await place.call(listRuns), undefined);
    assert.equal(codeOf(await place.call(startRun)), 'PermissionDenied');
    // A wrong one is not taken for none.
    assert.equal(codeOf(await place.call(listRuns, `Bearer ${newToken().text}`)), 'Unauthenticated');
  });
});
