import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { auditTests, tokenTests, userTests } from './conformance/access.ts';
import { centreTests, commandTests } from './conformance/commands.ts';
import { cacheTests, deletionTests, fileTests } from './conformance/data.ts';
import { deliveryTests } from './conformance/deliveries.ts';
import { executorTests } from './conformance/executors.ts';
import { limitTests, ownershipTests } from './conformance/leases.ts';
import { pipelineTests } from './conformance/pipelines.ts';
import { recordTests } from './conformance/records.ts';
import { retryTests } from './conformance/retries.ts';
import { commitOf, NO_LIMITS, runRow, until } from './conformance/rows.ts';
import { runTests } from './conformance/runs.ts';
import { scheduleTests } from './conformance/schedules.ts';
import type { Change, RunRow, Store } from './store.ts';

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
    describe('commits whose answer was lost', () => retryTests(store));
    describe('ownership', () => ownershipTests(store));
    describe('commands', () => commandTests(store));
    describe('centre', () => centreTests(store));
    describe('limits', () => limitTests(store));
    describe('cache', () => cacheTests(store));
    describe('files', () => fileTests(store));
    describe('records', () => recordTests(store));
    describe('deleting runs', () => deletionTests(store));
    describe('deliveries', () => deliveryTests(store));
    describe('schedules', () => scheduleTests(store));
    describe('executors', () => executorTests(store));
    describe('tokens', () => tokenTests(store));
    describe('users', () => userTests(store));
    describe('audit', () => auditTests(store));

    it('shows what another connection committed, and tells it', async () => {
      const told: Change[] = [];
      const own: Change[] = [];
      const heard = (row: RunRow) =>
        told.some(
          (change) => change.kind === 'any' || (change.kind === 'runs' && change.runIds.includes(row.runId)),
        );
      const watch = opened.other.watchChanges((change) => told.push(change));
      const ownWatch = opened.store.watchChanges((change) => own.push(change));
      // What comes before it listens is told as a change of anything.
      await until(async () => {
        const first = runRow();
        await opened.store.createRun(first, [], null);
        return heard(first);
      });
      const row = runRow({ managerId: 'm1' });
      await opened.store.createRun(row, [], 'm1');
      await until(() => heard(row));
      told.length = 0;
      own.length = 0;
      await opened.store.commit([commitOf(row, 2)], NO_LIMITS);
      await until(() => heard(row));
      assert.equal((await opened.other.readEvents(row.runId, 0, 10)).length, 2);
      assert.ok(!own.some((change) => change.kind === 'runs'));
      for (const wanted of [
        {
          kind: 'commands',
          cause: () => opened.store.sendCommand({ runId: row.runId, kind: 'cancel', message: '' }),
        },
        { kind: 'ownership', cause: () => opened.store.releaseRuns('m1', [row.runId]) },
      ]) {
        told.length = 0;
        await wanted.cause();
        await until(() => told.some(({ kind }) => kind === 'any' || kind === wanted.kind));
      }
      watch.close();
      ownWatch.close();
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
