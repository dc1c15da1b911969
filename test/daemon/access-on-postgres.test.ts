/** Two daemons on one PostgreSQL: what one knows of access, the other does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Daemon, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace, type Place, until } from '../e2e/place.ts';
import { startPostgres } from '../postgres.ts';

test('tokens, users and the audit are those of the store', async () => {
  const server = await startPostgres();
  const places = [newPlace(), newPlace()] as const;
  try {
    const address = await server.newDatabase();
    for (const place of places) place.environment.WIZ_STORE = address;
    await shareAccess(...places);
  } finally {
    // To leave, they ask the store for their executors.
    const left = await Promise.allSettled(places.map((place) => place.leave()));
    await server.remove();
    assert.deepEqual(
      left.filter(({ status }) => status === 'rejected'),
      [],
    );
  }
});

async function shareAccess(one: Place, two: Place): Promise<void> {
  const daemons = await Promise.all([startDaemon(one), startDaemon(two)]);
  const [first, second]: [Daemon, Daemon] = daemons;
  const local = ['--manager', 'local'];

  const made = ['tokens', 'create', '--name', 'ci', '--role', 'operator', ...local];
  const token = (await one.out(made)).trim();
  await one.out(['users', 'add', 'ada', '--role', 'viewer', ...local], { input: 'a password of ada' });
  const runId = await startRun(
    second.connect({ token }),
    two,
    'name: p\nprocessors:\n  a: { run: "true" }\n',
  );
  await watchToEnd(second.connect({ token }), runId);
  const basic = `Basic ${Buffer.from('ada:a password of ada').toString('base64')}`;
  const read = async (authorization: string) =>
    (await fetch(`${second.url}/api/v1/runs`, { headers: { authorization } })).status;
  assert.equal(await read(basic), 200);

  await one.out(['tokens', 'revoke', 'ci', ...local]);
  await until('the other refuses the token', async () => (await read(`Bearer ${token}`)) === 401);
  await one.out(['users', 'remove', 'ada', ...local]);
  assert.equal(await read(basic), 401);

  await second.kill();
  const entries: Record<string, string>[] = await one.json(['audit', ...local]);
  assert.deepEqual(
    entries.map(({ method, kind }) => `${method} ${kind}`),
    [
      'AccessService/DeleteUser machine',
      'AccessService/RevokeToken machine',
      'RunService/StartRun token',
      'AccessService/CreateUser machine',
      'AccessService/CreateToken machine',
    ],
  );
  assert.ok(entries[2]!.target!.includes(runId));
  assert.equal(new Set(entries.map(({ managerId }) => managerId)).size, 2);
  await first.stop();
}
