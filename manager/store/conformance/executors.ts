import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ExecutorRow, Store } from '../store.ts';
import { executorRow } from './rows.ts';

export function executorTests(store: () => Store): void {
  const executor = executorRow();

  it('keeps executors until they are removed', async () => {
    await store().putExecutor({ ...executor, slots: 1 });
    await store().putExecutor(executor);
    await store().putExecutor({ ...executor, executorId: 'e2' });
    assert.deepEqual(await store().listExecutors(), [executor, { ...executor, executorId: 'e2' }]);
    await store().removeExecutor('e1');
    await store().removeExecutor('e1');
    assert.equal((await store().listExecutors()).length, 1);
  });

  it('keeps the catalogue of each build', async () => {
    assert.equal(await store().getCatalogue('b1'), undefined);
    await store().putCatalogue('b1', '[1]');
    await store().putCatalogue('b1', '[2]');
    await store().putCatalogue('b2', '[3]');
    assert.equal(await store().getCatalogue('b1'), '[2]');
  });

  const registered = (change: Partial<ExecutorRow> = {}): ExecutorRow =>
    executorRow({
      executorId: 'r1',
      launcher: 'registered',
      address: 'gpu-1:7000',
      hostname: 'gpu-1',
      name: 'gpu-1',
      labels: { gpu: 'a100' },
      tls: { authority: '-----BEGIN CERTIFICATE-----', serverName: 'gpu-1.example' },
      environmentHash: '',
      ...change,
    });

  it('registers an executor once, by id, name and address', async () => {
    const first = registered();
    assert.equal(await store().registerExecutor(first), undefined);
    await store().putExecutor(executor);
    const alike = [
      registered({ name: 'other', address: 'other:1' }),
      registered({ executorId: 'r2', address: 'other:1' }),
      registered({ executorId: 'r2', name: 'other' }),
      registered({ executorId: 'e1', name: 'other', address: 'other:1' }),
    ];
    const inTheWay = await Promise.all(alike.map((row) => store().registerExecutor(row)));
    assert.deepEqual(inTheWay, [first, first, first, executor]);
    assert.deepEqual(await store().listExecutors(), [executor, first]);
    const second = registered({ executorId: 'r2', name: 'two', address: 'gpu-2:7000', tls: null });
    assert.equal(await store().registerExecutor(second), undefined);
    assert.deepEqual(await store().listExecutors(), [executor, first, second]);
  });

  it('registers an executor that a command was given before', async () => {
    await store().putExecutor(registered({ launcher: 'remote', name: '' }));
    assert.equal(await store().registerExecutor(registered()), undefined);
    assert.deepEqual(await store().listExecutors(), [registered()]);
  });

  it('marks a registered executor as draining', async () => {
    await store().putExecutor(executor);
    await store().registerExecutor(registered());
    assert.equal(await store().drainExecutor('r1', 5.5), true);
    assert.deepEqual(await store().listExecutors(), [executor, registered({ drainingMs: 5.5 })]);
    assert.equal(await store().drainExecutor('r1', 0), true);
    assert.deepEqual(await store().listExecutors(), [executor, registered()]);
    assert.equal(await store().drainExecutor('e1', 5), false);
    assert.equal(await store().drainExecutor('nobody', 5), false);
  });

  it('gives a registration to the process that answers in the place of another, once', async () => {
    await store().registerExecutor(registered());
    await store().drainExecutor('r1', 7);
    const process = {
      executorId: 'r9',
      hostname: 'gpu-1b',
      machine: 'c3d4',
      pid: 5,
      pidStart: 6,
      version: '0.2.0',
      slots: 16,
      startedMs: 1_700_000_000_999,
    };
    assert.equal(await store().replaceExecutor('r1', process), true);
    assert.equal(await store().replaceExecutor('r1', { ...process, executorId: 'r10' }), false);
    assert.deepEqual(await store().listExecutors(), [registered({ ...process, drainingMs: 7 })]);
    const second = registered({ executorId: 'r2', name: 'two', address: 'gpu-2:7000' });
    await store().registerExecutor(second);
    assert.equal(await store().replaceExecutor('r2', process), false);
    assert.deepEqual(await store().listExecutors(), [second, registered({ ...process, drainingMs: 7 })]);
  });
}
