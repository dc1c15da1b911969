import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FakeExecutor, serveFakeExecutor } from '../dispatch/fake-executor.ts';
import type { ExecutorRow } from '../store/store.ts';
import { createGivenLauncher, type GivenLauncherOptions } from './given.ts';

const TOKEN = 'secret';

async function fake(t: TestContext, executorId: string, address = '127.0.0.1:0'): Promise<FakeExecutor> {
  const processors = [{ name: 'fake', description: '' }];
  const describe = { executorId, version: '9', slots: 3, startedUnixMs: 5, processors };
  const executor = await serveFakeExecutor({ address, token: TOKEN, executorId, describe });
  t.after(() => executor.close());
  return executor;
}

function given(options: Partial<GivenLauncherOptions> & { addresses: string[] }) {
  const rows = new Map<string, ExecutorRow>();
  const store = {
    putExecutor: async (row: ExecutorRow) => void rows.set(row.executorId, row),
    listExecutors: async () => [...rows.values()],
    removeExecutor: async (id: string) => void rows.delete(id),
  };
  return { launcher: createGivenLauncher({ store, token: TOKEN, answerMs: 1000, ...options }), rows };
}

test('those that answer are used and kept; one that does not is left out', async (t) => {
  const [a, b, away] = [await fake(t, 'a'), await fake(t, 'b'), await fake(t, 'away')];
  away.close();
  const { launcher, rows } = given({ addresses: [a.address, away.address, b.address] });
  const found = await launcher.ensure();
  assert.deepEqual(
    found.map(({ executorId, address, slots, launcher: by }) => [executorId, address, slots, by]),
    [
      ['a', a.address, 3, 'remote'],
      ['b', b.address, 3, 'remote'],
    ],
  );
  assert.deepEqual([...rows.keys()].sort(), ['a', 'b']);
  assert.deepEqual(JSON.parse(await launcher.catalogue()), [{ name: 'fake' }]);
});

test('none that answers is unavailable, a wrong token is said to be one', async (t) => {
  const executor = await fake(t, 'a');
  await assert.rejects(given({ addresses: [executor.address], token: 'guess' }).launcher.ensure(), {
    code: 'unauthenticated',
  });
  executor.close();
  const { launcher } = given({ addresses: [executor.address] });
  await assert.rejects(launcher.ensure(), { code: 'unavailable', message: new RegExp(executor.address) });
  await assert.rejects(launcher.catalogue(), { code: 'unavailable' });
});

test('one that is away for less than the retry time is alive', async (t) => {
  const executor = await fake(t, 'a');
  const { launcher } = given({ addresses: [executor.address] });
  const [row] = await launcher.ensure();
  executor.close();
  const inspected = launcher.inspect(row!);
  await assert.rejects(launcher.ensure(), { code: 'unavailable' });
  await fake(t, 'a', executor.address);
  assert.equal(await inspected, 'alive');
});

test('one that is away for longer is gone, and so is one in whose place another answers', async (t) => {
  const executor = await fake(t, 'a');
  const { launcher, rows } = given({ addresses: [executor.address], graceMs: 100 });
  const [row] = await launcher.ensure();
  executor.close();
  assert.equal(await launcher.inspect(row!), 'gone');
  assert.equal(rows.size, 0);

  await fake(t, 'b', executor.address);
  const patient = given({ addresses: [executor.address], graceMs: 60_000 }).launcher;
  assert.equal(await patient.inspect(row!), 'gone');
});

test('close gives up waiting at once, and says nothing of the executor', async (t) => {
  const executor = await fake(t, 'a');
  const { launcher, rows } = given({ addresses: [executor.address], graceMs: 60_000 });
  const [row] = await launcher.ensure();
  executor.close();
  const inspected = launcher.inspect(row!);
  await launcher.close();
  assert.equal(await inspected, 'alive');
  assert.equal(rows.size, 1);
});

test('stop is refused', async (t) => {
  const executor = await fake(t, 'a');
  const { launcher } = given({ addresses: [executor.address] });
  const rows = await launcher.ensure();
  await assert.rejects(launcher.stop(rows, true), { code: 'failed_precondition' });
});

test('what is no address, and no token, is refused before anything is called', () => {
  for (const address of [
    '',
    'host',
    'host:0',
    'host:99999',
    'a b:1',
    'http://host:1',
    'unix:relative',
    '::1:5',
  ]) {
    assert.throws(() => given({ addresses: [address] }), { code: 'invalid_argument' }, address);
  }
  for (const address of ['host:1', '10.0.0.1:65535', '[::1]:5', 'unix:/run/wiz.sock']) {
    given({ addresses: [address] });
  }
  assert.throws(() => given({ addresses: ['host:1'], token: undefined }), { code: 'unauthenticated' });
});
