import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { codeOf, type GuardedPlace, guardedPlace } from './access.fixture.ts';
import { hashPassword, isPassword } from './password.ts';

const { listRuns, startRun } = RunService.method;
const PASSWORD = 'correct horse: battery';

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

async function asAdmin(place: GuardedPlace) {
  return createClient(AccessService, place.transport(`Bearer ${await place.token(Role.ADMIN)}`));
}

async function withAda(place: GuardedPlace) {
  const admin = await asAdmin(place);
  await admin.createUser({ name: 'ada', password: PASSWORD, role: Role.OPERATOR });
  return admin;
}

/** Whose password is checked at little cost, for tests of many checks. */
async function withCheap(place: GuardedPlace, name: string) {
  const passwordHash = await hashPassword(PASSWORD, { ln: 4, r: 8, p: 1 });
  const row = { name, role: Role.OPERATOR, passwordHash, createdBy: 'test', createdMs: 1, passwordMs: 1 };
  await place.store.createUser(row);
}

describe('users with passwords', () => {
  it('sign in with the role they have', async (t) => {
    const place = await guardedPlace(t);
    await withAda(place);
    assert.equal(await place.call(startRun, basic('ada', PASSWORD)), undefined);
    const client = createClient(AccessService, place.transport(basic('ada', PASSWORD)));
    const { identity } = await client.getIdentity({});
    assert.deepEqual([identity?.kind, identity?.name, identity?.role], ['user', 'ada', Role.OPERATOR]);
    assert.equal(
      codeOf(await place.call(RunService.method.pruneRuns, basic('ada', PASSWORD))),
      'PermissionDenied',
    );
  });

  it('get one answer to whatever is wrong', async (t) => {
    const place = await guardedPlace(t);
    await withCheap(place, 'ada');
    const answers = new Set<string>();
    for (const header of [
      basic('ada', 'wrong'),
      basic('ada', ''),
      basic('bob', PASSWORD),
      basic('', PASSWORD),
      basic('ADA', PASSWORD),
      basic('x'.repeat(3000), PASSWORD),
      `Basic ${Buffer.from('ada').toString('base64')}`,
    ]) {
      place.peer.address += '0';
      const error = await place.call(listRuns, header);
      answers.add(`${codeOf(error)} ${error?.message} ${error?.metadata.get('www-authenticate')}`);
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
  });

  it('that do not exist cost a hashing too', async (t) => {
    const place = await guardedPlace(t);
    await withAda(place);
    // Of processor time, which other processes do not lengthen; each the least of some tries.
    const cost = async (name: string) => {
      const tries: number[] = [];
      for (let i = 0; i < 3; i += 1) {
        const before = process.cpuUsage();
        place.peer.address = `10.0.${name.length}.${i}`;
        await place.call(listRuns, basic(name, `wrong ${i}`));
        const { user } = process.cpuUsage(before);
        tries.push(user);
      }
      return Math.min(...tries);
    };
    const [known, unknown] = [await cost('ada'), await cost('nobody')];
    assert.ok(unknown > known / 3 && known > unknown / 3, `${known} and ${unknown} us`);
  });

  it('may not sign in where that is switched off', async (t) => {
    const place = await guardedPlace(t, { auth: { basic: false } });
    await withAda(place);
    assert.equal(codeOf(await place.call(listRuns, basic('ada', PASSWORD))), 'Unauthenticated');
    const { basic: isOn } = await createClient(AccessService, place.transport()).getLoginMethods({});
    assert.equal(isOn, false);
  });

  it('are out at once when they are deleted, or their password is changed', async (t) => {
    const place = await guardedPlace(t);
    const admin = await withAda(place);
    assert.equal(await place.call(listRuns, basic('ada', PASSWORD)), undefined);
    await admin.setPassword({ name: 'ada', password: 'another password' });
    assert.equal(codeOf(await place.call(listRuns, basic('ada', PASSWORD))), 'Unauthenticated');
    assert.equal(await place.call(listRuns, basic('ada', 'another password')), undefined);
    await admin.deleteUser({ name: 'ada' });
    assert.equal(codeOf(await place.call(listRuns, basic('ada', 'another password'))), 'Unauthenticated');
    await assert.rejects(admin.deleteUser({ name: 'ada' }), /There is no user "ada"/);
    await assert.rejects(admin.setPassword({ name: 'ada', password: PASSWORD }), /There is no user "ada"/);
  });

  it('have passwords and names that can be told apart', async (t) => {
    const place = await guardedPlace(t);
    const admin = await withAda(place);
    const refused = (change: object, message: RegExp) =>
      assert.rejects(
        admin.createUser({ name: 'bob', password: PASSWORD, role: Role.VIEWER, ...change }),
        message,
      );
    await refused({ password: 'short' }, /A password has 12 to 256 characters, not 5/);
    await refused({ password: 'x'.repeat(257) }, /A password has 12 to 256 characters/);
    await refused({ name: 'a:b' }, /cannot be the name of a user/);
    await refused({ name: 'ada' }, /There is a user "ada" already/);
    const { users } = await admin.listUsers({});
    assert.deepEqual(
      users.map(({ name, role }) => [name, role]),
      [['ada', Role.OPERATOR]],
    );
    assert.ok(!JSON.stringify(users).includes('scrypt'));
  });
});

describe('hashed passwords', () => {
  it('are salted, and carry their parameters', async () => {
    const [one, two] = [await hashPassword('naïve pässword'), await hashPassword('naïve pässword')];
    assert.match(one, /^\$scrypt\$ln=15,r=8,p=3\$/);
    assert.notEqual(one, two);
    assert.equal(await isPassword('naïve pässword', one), true);
    assert.equal(await isPassword('naïve pässword'.normalize('NFD'), one), true);
    assert.equal(await isPassword('naive password', one), false);
    assert.equal(await isPassword('x', 'no hash'), false);
  });

  it('are checked two at once; of a flood most are turned away', async () => {
    const text = await hashPassword(PASSWORD, { ln: 8, r: 8, p: 1 });
    const answers = await Promise.allSettled(Array.from({ length: 60 }, () => isPassword('wrong', text)));
    const refused = answers.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 60 - 2 - 32);
    assert.equal((refused[0] as PromiseRejectedResult).reason.code, 'resource_exhausted');
    assert.equal(await isPassword(PASSWORD, text), true);
  });
});

describe('whoever fails too often', () => {
  it('has to wait longer and longer, and is told how long', async (t) => {
    const place = await guardedPlace(t);
    await withCheap(place, 'ada');
    const attempt = () => place.call(listRuns, basic('ada', 'wrong password'));
    for (let i = 0; i < 6; i += 1) assert.equal(codeOf(await attempt()), 'Unauthenticated', `${i}`);
    const blocked = await attempt();
    assert.equal(codeOf(blocked), 'ResourceExhausted');
    assert.equal(blocked!.metadata.get('retry-after'), '1');
    // The right one is not looked at either, or a guesser would be told.
    assert.equal(codeOf(await place.call(listRuns, basic('ada', PASSWORD))), 'ResourceExhausted');
    place.clock.aheadMs += 1001;
    assert.equal(codeOf(await attempt()), 'Unauthenticated');
    assert.equal((await attempt())!.metadata.get('retry-after'), '2');
    place.clock.aheadMs += 2001;
    assert.equal(await place.call(listRuns, basic('ada', PASSWORD)), undefined);
  });

  it('is known by account, from wherever; tokens and other accounts go on', async (t) => {
    const place = await guardedPlace(t);
    await withCheap(place, 'ada');
    await withCheap(place, 'bob');
    for (let i = 0; i < 7; i += 1) {
      place.peer.address = `10.0.0.${i}`;
      await place.call(listRuns, basic('ada', 'wrong password'));
    }
    assert.equal(codeOf(await place.call(listRuns, basic('ada', PASSWORD))), 'ResourceExhausted');
    assert.equal(await place.call(listRuns, basic('bob', PASSWORD)), undefined);
    assert.equal(await place.call(listRuns, `Bearer ${await place.token(Role.VIEWER)}`), undefined);
  });

  it('is known by network; from it and from others a right token goes on', async (t) => {
    const place = await guardedPlace(t);
    await withCheap(place, 'ada');
    const token = `Bearer ${await place.token(Role.VIEWER)}`;
    const guess = (i: number) =>
      place.call(listRuns, `Bearer wiz_${String(i).padStart(12, '0')}_${'x'.repeat(43)}`);
    place.peer.address = '2001:db8:1:2::1';
    for (let i = 0; i < 11; i += 1) assert.equal(codeOf(await guess(i)), 'Unauthenticated', `${i}`);
    place.peer.address = '2001:db8:1:2:ffff::9';
    assert.equal(codeOf(await guess(11)), 'ResourceExhausted');
    assert.equal(codeOf(await place.call(listRuns, basic('ada', PASSWORD))), 'ResourceExhausted');
    assert.equal(await place.call(listRuns, token), undefined);
    place.peer.address = '2001:db8:1:3::1';
    assert.equal(codeOf(await guess(12)), 'Unauthenticated');
    assert.equal(await place.call(listRuns, basic('ada', PASSWORD)), undefined);
  });
});
