import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../proto/log.ts';
import { machineId } from '../../proto/machine-id.ts';
import { serveFakeExecutor } from '../dispatch/fake-executor.ts';
import { executorRow } from '../store/conformance/rows.ts';
import type { ExecutorRow } from '../store/store.ts';
import type { Launcher } from './launcher.ts';
import { createLaunchers, type LaunchersOptions } from './launchers.ts';
import { catalogueKey } from './registered.ts';

const TOKEN = 'secret';
const registered = (change: Partial<ExecutorRow>): ExecutorRow =>
  executorRow({ launcher: 'registered', executorId: 'r', name: 'r', token: TOKEN, pidStart: 0, ...change });

/** Of a manager whose own executor is `local`; what the store is asked is kept. */
function launchers(t: TestContext, options: Partial<LaunchersOptions> = {}) {
  const calls: string[] = [];
  const catalogues = new Map<string, string>();
  const local: Launcher = {
    isLocal: true,
    starts: 'when-needed',
    ensure: async () => [executorRow({ executorId: 'local' })],
    present: () => [],
    meet: async (row) => row,
    inspect: async () => 'alive',
    stop: async () => ({ stopped: [], busy: [] }),
    catalogue: async () => JSON.stringify([{ name: 'http' }, { name: 'noop' }]),
    async close() {},
  };
  const launcher = createLaunchers({
    store: {
      async replaceExecutor(executorId, process) {
        calls.push(`${process.executorId} for ${executorId}`);
        return true;
      },
      async removeExecutor(executorId) {
        calls.push(`remove ${executorId}`);
      },
      getCatalogue: async (key) => catalogues.get(key),
      async putCatalogue(key, json) {
        catalogues.set(key, json);
      },
    },
    local,
    starts: 'when-needed',
    graceMs: 50,
    rows: [],
    log: silentLog,
    ...options,
  });
  t.after(() => launcher.close());
  return { launcher, local, calls, catalogues };
}

test('what is registered is used beside what is started', async (t) => {
  const rows = [registered({}), executorRow({ launcher: 'remote', executorId: 'of a command' })];
  const { launcher } = launchers(t, { rows });
  assert.deepEqual(
    (await launcher.ensure()).map(({ executorId }) => executorId),
    ['r', 'local'],
  );
  assert.deepEqual(launcher.present([]), []);
  assert.equal((await launcher.ensure()).length, 1);
});

test('a manager that starts none, and for which none is registered, says what to do', async (t) => {
  const { launcher } = launchers(t, { starts: 'nothing' });
  await assert.rejects(launcher.ensure(), { code: 'unavailable', message: /wiz executors add/ });
  launcher.present([registered({})]);
  assert.equal((await launcher.ensure()).length, 1);
});

test('one of its own that does not start keeps no work from those that are registered', async (t) => {
  const { launcher, local } = launchers(t, { rows: [registered({})] });
  local.ensure = async () => {
    throw new Error('it does not start');
  };
  assert.deepEqual(
    (await launcher.ensure()).map(({ executorId }) => executorId),
    ['r'],
  );
  launcher.present([]);
  await assert.rejects(launcher.ensure(), /it does not start/);
});

test('executors are local only while all of them are of this machine', (t) => {
  const { launcher } = launchers(t, { rows: [registered({ machine: machineId() })] });
  assert.equal(launcher.isLocal, true);
  launcher.present([registered({ machine: 'another' })]);
  assert.equal(launcher.isLocal, false);
});

test('the catalogue has what registered executors have beside its own', async (t) => {
  const { launcher, catalogues } = launchers(t, { rows: [registered({})] });
  catalogues.set(
    catalogueKey('r'),
    JSON.stringify([{ name: 'http', description: 'theirs' }, { name: 'gpu' }]),
  );
  assert.deepEqual(JSON.parse(await launcher.catalogue()), [
    { name: 'http' },
    { name: 'noop' },
    { name: 'gpu' },
  ]);
});

test('who answers in the place of a registered executor has its registration', async (t) => {
  const describe = {
    executorId: 'new',
    hostname: 'h',
    machine: 'm',
    version: '9',
    slots: 3,
    startedUnixMs: 5,
  };
  const executor = await serveFakeExecutor({ address: '127.0.0.1:0', token: TOKEN, describe });
  t.after(() => executor.close());
  const { launcher, calls, catalogues } = launchers(t);
  const old = registered({ address: executor.address, drainingMs: 7 });
  const met = await launcher.meet(old);
  assert.deepEqual(met, {
    ...old,
    ...{ executorId: 'new', hostname: 'h', machine: 'm', version: '9' },
    pid: 0,
    slots: 3,
    startedMs: 5,
  });
  assert.deepEqual(calls, ['new for r']);
  assert.ok(catalogues.has(catalogueKey('new')));
  assert.equal(await launcher.inspect(old), 'gone');
  assert.equal(await launcher.inspect(met!), 'alive');
});

test('one that does not answer for its grace is gone; only what a command was given is forgotten', async (t) => {
  const { launcher, calls } = launchers(t);
  const address = 'unix:/nowhere/socket';
  assert.equal(await launcher.inspect(registered({ address })), 'gone');
  assert.equal(await launcher.inspect(registered({ launcher: 'remote', address })), 'gone');
  assert.deepEqual(calls, ['remove r']);
});

test('one whose process was of this machine and is dead is gone at once', async (t) => {
  const { launcher } = launchers(t, { graceMs: 600_000 });
  const dead = registered({
    address: 'unix:/nowhere/socket',
    machine: machineId(),
    pid: 4_194_304,
    pidStart: 5,
  });
  assert.equal(await launcher.inspect(dead), 'gone');
});
