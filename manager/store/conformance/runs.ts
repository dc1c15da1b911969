import assert from 'node:assert/strict';
import { it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttemptStartedSchema,
  type Event,
  EventSchema,
  RunState,
} from '../../../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../../../proto/ids.ts';
import type { Store } from '../store.ts';
import { commitOf, NO_LIMITS, runRow, someEvents } from './rows.ts';

export function runTests(store: () => Store): void {
  it('keeps a run and its first events', async () => {
    const row = runRow({ seq: 2, warnings: ['slow'] });
    await store().createRun(row, someEvents(1, 2), 'm1');
    assert.deepEqual(await store().getRun(row.runId), { ...row, managerId: 'm1', epoch: 1 });
    assertEvents(await store().readEvents(row.runId, 0, 100), someEvents(1, 2));
    assert.equal(await store().getRun(newId()), undefined);
  });

  it('refuses a second run of the same id and keeps the first', async () => {
    const row = runRow({ seq: 1 });
    await store().createRun(row, someEvents(1, 1), null);
    const again = store().createRun({ ...row, pipeline: 'other' }, someEvents(1, 1), 'm1');
    await assert.rejects(again, { code: 'already_exists' });
    assert.deepEqual(await store().getRun(row.runId), row);
  });

  it('keeps runs that are started at the same time, whatever is wrong with one of them', async () => {
    const there = runRow({ seq: 1 });
    await store().createRun(there, someEvents(1, 1), 'm1');
    // More than one statement takes, some with quotes, some nobody's.
    const rows = Array.from({ length: 250 }, (_, n) =>
      runRow({ seq: 2, labels: { 'a"b': `\\${n}` }, warnings: [`'{,}"`], paramsJson: '{"a":"\\"{}"}' }),
    );
    const owner = (n: number) => (n % 3 === 0 ? null : 'm1');
    const twice = { ...there, pipeline: 'other' };
    const unnumbered = runRow({ seq: 5 });
    const unwritable = runRow({ seq: 1 });
    const negative = {
      case: 'attemptStarted' as const,
      value: create(AttemptStartedSchema, { attempt: -1 }),
    };
    const ends = await Promise.allSettled([
      ...rows.map((row, n) => store().createRun(row, someEvents(1, 2, 9 + n), owner(n))),
      store().createRun(twice, someEvents(1, 1), 'm2'),
      store().createRun(unnumbered, someEvents(1, 1), 'm1'),
      store().createRun(unwritable, [{ ...someEvents(1, 1)[0]!, event: negative }], 'm1'),
    ]);
    assert.deepEqual(
      ends.map(({ status }) => status),
      [...rows.map(() => 'fulfilled'), 'rejected', 'rejected', 'rejected'],
    );
    for (const [n, row] of rows.entries()) {
      assert.deepEqual(await store().getRun(row.runId), { ...row, managerId: owner(n), epoch: 1 });
      assertEvents(await store().readEvents(row.runId, 0, 9), someEvents(1, 2, 9 + n));
    }
    assert.equal((await store().getRun(there.runId))!.managerId, 'm1');
    for (const { runId } of [unnumbered, unwritable]) assert.equal(await store().getRun(runId), undefined);
  });

  it('commits rows and events of many runs together', async () => {
    const rows = [runRow({ managerId: 'm1' }), runRow({ managerId: 'm1' })];
    for (const row of rows) await store().createRun(row, [], 'm1');
    const change = { state: RunState.FAILED, reason: 'cancelled', message: 'by hand', endedMs: 5, failed: 3 };
    const more = { idle: 0, cancelRequested: true, warnings: ['a', 'b'] };
    const commits = rows.map((row) => commitOf(row, 3, { ...change, ...more }));
    assert.deepEqual(await store().commit(commits, NO_LIMITS), { fenced: [], exceeded: [] });
    for (const { row, events } of commits) {
      // It ended: nobody owns it from here on, and the next one to go on with it gets a new epoch.
      assert.deepEqual(await store().getRun(row.runId), { ...row, managerId: null });
      assert.deepEqual(await store().claimRun(row.runId, 'm2', ['m1', 'm2']), { epoch: 2 });
      assertEvents(await store().readEvents(row.runId, 0, 100), events);
    }
  });

  it('reads from any number on, about as many as asked', async () => {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    for (let at = 0; at < 50; at += 5) await store().commit([commitOf({ ...row, seq: at }, 5)], NO_LIMITS);
    for (const after of [0, 1, 4, 5, 6, 49, 50, 51]) {
      const read = await store().readEvents(row.runId, after, 1_000);
      assertEvents(read, someEvents(1, 50).slice(after));
    }
    const some = await store().readEvents(row.runId, 7, 4);
    assert.equal(some[0]?.seq, 8);
    assert.ok(some.length >= 4 && some.length < 20);
  });

  it('takes large specs and wide commits', async () => {
    const row = runRow({ seq: 1 });
    await store().createRun(row, someEvents(1, 1, 4_000_000), 'm1');
    const wide = commitOf({ ...row, managerId: 'm1' }, 20_000);
    await store().commit([wide], NO_LIMITS);
    const heavy = { row: { ...wide.row, seq: 20_011 }, events: someEvents(20_002, 10, 300_000) };
    await store().commit([heavy], NO_LIMITS);
    const read = await store().readEvents(row.runId, 1, 1_000_000);
    assertEvents(read, [...wide.events, ...heavy.events]);
    assertEvents(await store().readEvents(row.runId, 0, 1), someEvents(1, 1, 4_000_000));
  });

  it('stores nothing of a commit whose events do not go on from the last', async () => {
    const row = runRow({ seq: 2, managerId: 'm1' });
    const other = runRow({ managerId: 'm1' });
    await store().createRun(row, someEvents(1, 2), 'm1');
    await store().createRun(other, [], 'm1');
    const again = { row: { ...row, seq: 2 }, events: someEvents(2, 1) };
    const gap = { row: { ...row, seq: 4 }, events: someEvents(4, 1) };
    for (const wrong of [again, gap]) {
      const commit = store().commit([commitOf(other, 1), wrong], NO_LIMITS);
      await assert.rejects(commit, { code: 'internal' });
    }
    assert.equal((await store().getRun(other.runId))?.seq, 0);
    assert.equal((await store().readEvents(row.runId, 0, 10)).length, 2);
  });

  it('finds runs by the beginning of their id and the latest', async () => {
    assert.deepEqual(await store().findRuns('latest', 5), []);
    const ids = ['1AAAA', '2BBBB', '2bbbb'].map((start) => start.padEnd(27, 'x'));
    for (const runId of ids) await store().createRun(runRow({ runId }), [], null);
    assert.deepEqual(await found('', 10), ids.toReversed());
    assert.deepEqual(await found('', 2), [ids[2], ids[1]]);
    assert.deepEqual(await found('2', 10), [ids[2], ids[1]]);
    assert.deepEqual(await found('2B', 10), [ids[1]]);
    assert.deepEqual(await found(ids[0]!, 10), [ids[0]]);
    assert.deepEqual(await found('latest', 10), [ids[2]]);
    assert.deepEqual(await found('%', 10), []);

    async function found(prefix: string, limit: number): Promise<string[]> {
      return (await store().findRuns(prefix, limit)).map((row) => row.runId);
    }
  });

  it('lists by pipeline and state, page by page, newest first', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 9; i += 1) {
      const state = i % 3 === 0 ? RunState.FAILED : RunState.RUNNING;
      const row = runRow({ pipeline: i < 6 ? 'a' : 'b', state });
      await store().createRun(row, [], null);
      ids.push(row.runId);
    }
    const of = (...at: number[]) => at.map((i) => ids[i]);
    assert.deepEqual(await listed({ limit: 3 }), of(8, 7, 6));
    assert.deepEqual(await listed({ limit: 3, beforeRunId: ids[6] }), of(5, 4, 3));
    assert.deepEqual(await listed({ limit: 9, pipeline: 'b' }), of(8, 7, 6));
    assert.deepEqual(await listed({ limit: 9, states: [RunState.FAILED] }), of(6, 3, 0));
    assert.deepEqual(await listed({ limit: 9, pipeline: 'a', states: [RunState.FAILED] }), of(3, 0));

    async function listed(filter: Parameters<Store['listRuns']>[0]): Promise<string[]> {
      return (await store().listRuns(filter)).map((row) => row.runId);
    }
  });
}

function assertEvents(actual: Event[], expected: Event[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, event] of actual.entries()) {
    assert.equal(event.seq, expected[i]!.seq);
    const [a, b] = [event, expected[i]!].map((one) => Buffer.from(toBinary(EventSchema, one)));
    assert.ok(a!.equals(b!), `event ${event.seq} came back changed`);
  }
}
