import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { auditTests, tokenTests, userTests } from './conformance/access.ts';
import { centreTests, commandTests } from './conformance/commands.ts';
import { cacheTests, deletionTests, fileTests } from './conformance/data.ts';
import { limitTests, ownershipTests } from './conformance/leases.ts';
import { pipelineTests } from './conformance/pipelines.ts';
import { recordTests } from './conformance/records.ts';
import { commitOf, NO_LIMITS, runRow } from './conformance/rows.ts';
import { runTests } from './conformance/runs.ts';
import type { ExecutorRow, Store } from './store.ts';

/** Two stores on one new, empty database; `remove` deletes it after both were closed. */
export interface Opened {
  store: Store;
  other: Store;
  remove(): void | Promise<void>;
}

/** What every store does, whatever it is made of. */
export function describeStore(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    const store = () => opened.store;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(async () => {
      await opened.store.close();
      await opened.other.close();
      await opened.remove();
    });

    describe('pipelines', () => pipelineTests(store));
    describe('runs and journal', () => runTests(store));
    describe('ownership', () => ownershipTests(store));
    describe('commands', () => commandTests(store));
    describe('centre', () => centreTests(store));
    describe('limits', () => limitTests(store));
    describe('cache', () => cacheTests(store));
    describe('files', () => fileTests(store));
    describe('records', () => recordTests(store));
    describe('deleting runs', () => deletionTests(store));
    describe('executors', () => executorTests(store));
    describe('tokens', () => tokenTests(store));
    describe('users', () => userTests(store));
    describe('audit', () => auditTests(store));

    it('shows what another connection committed, and that it did', async () => {
      const row = runRow({ managerId: 'm1' });
      await opened.store.createRun(row, [], 'm1');
      const before = await opened.other.changeCounter();
      assert.equal(await opened.other.changeCounter(), before);
      await opened.store.commit([commitOf(row, 2)], NO_LIMITS);
      assert.notEqual(await opened.other.changeCounter(), before);
      assert.equal((await opened.other.readEvents(row.runId, 0, 10)).length, 2);
    });

    it('keeps limits between connections', async () => {
      const row = runRow({ managerId: 'm1' });
      await opened.store.createRun(row, [], 'm1');
      const take = (holder: string) => ({
        acquire: [{ key: 'gpu', holder, runId: row.runId }],
        release: [],
        max: { gpu: 1 },
      });
      assert.deepEqual((await opened.store.commit([], take('a'))).exceeded, []);
      assert.deepEqual((await opened.other.commit([], take('b'))).exceeded, ['gpu']);
    });
  });
}

function executorTests(store: () => Store): void {
  const executor: ExecutorRow = {
    executorId: 'e1',
    launcher: 'local',
    address: 'unix:/tmp/e1.sock',
    token: 'secret',
    pid: 77,
    pidStart: 987_654_321,
    machine: 'a1b2',
    version: '0.1.0',
    slots: 8,
    environmentHash: 'abc',
    startedMs: 1_700_000_000_000,
  };

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
}
