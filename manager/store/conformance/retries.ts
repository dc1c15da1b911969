import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import type { RunCommit, RunRow, Store } from '../store.ts';
import { cacheEntry, fileLink } from './data.ts';
import { commitOf, NO_LIMITS, runRow, someEvents } from './rows.ts';

/** Whoever gets no answer to a commit does not know whether it holds, and commits again. */
export function retryTests(store: () => Store): void {
  const done = { fenced: [], exceeded: [] };

  async function newRun(): Promise<RunRow> {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    return row;
  }

  async function seqs(row: RunRow): Promise<number[]> {
    return (await store().readEvents(row.runId, 0, 1_000)).map(({ seq }) => seq);
  }

  it('takes the same commit again as done, and stores nothing twice', async () => {
    const [row, other] = [await newRun(), await newRun()];
    const leavings = (run: RunRow): Partial<RunCommit> => ({
      fileLinks: [fileLink(run), fileLink(run, { role: 'kept', name: 'kept.txt' })],
      cacheEntries: [cacheEntry(run, `key of ${run.runId}`)],
      records: [{ table: 'again', processor: 'p', rows: [{ n: 1 }] }],
    });
    const commits = [row, other].map((run) => ({ ...commitOf(run, 3), ...leavings(run) }));
    assert.deepEqual(await store().commit(commits, NO_LIMITS), done);
    assert.deepEqual(await store().commit(commits, NO_LIMITS), done);
    // Only one of them had been stored before.
    const next = commits.map((commit) => commitOf(commit.row, 2));
    await store().commit([next[0]!], NO_LIMITS);
    assert.deepEqual(await store().commit(next, NO_LIMITS), done);
    for (const run of [row, other]) {
      assert.deepEqual(await seqs(run), [1, 2, 3, 4, 5]);
      assert.equal((await store().getRun(run.runId))?.seq, 5);
      assert.equal((await store().listFileLinks(run.runId)).length, 2);
    }
    assert.equal((await store().listRecordTables())[0]?.rows, 2);
  });

  it('stores of a commit that has grown since what is new', async () => {
    const row = await newRun();
    const first = { ...commitOf(row, 2), fileLinks: [fileLink(row)] };
    await store().commit([first], NO_LIMITS);
    const grown = {
      ...commitOf(row, 5, { reason: 'grown' }),
      fileLinks: [fileLink(row), fileLink(row, { name: 'b' })],
    };
    assert.deepEqual(await store().commit([grown], NO_LIMITS), done);
    assert.deepEqual(await seqs(row), [1, 2, 3, 4, 5]);
    assert.equal((await store().getRun(row.runId))?.reason, 'grown');
    assert.deepEqual(
      (await store().listFileLinks(row.runId)).map(({ name }) => name),
      ['report.html', 'b'],
    );
  });

  it('knows a commit that ended the run, and one that goes on with it', async () => {
    const row = await newRun();
    const ended = commitOf(row, 2, { state: RunState.FAILED, endedMs: 5 });
    await store().commit([ended], NO_LIMITS);
    assert.deepEqual(await store().commit([ended], NO_LIMITS), done);
    assert.equal((await store().getRun(row.runId))?.managerId, null);
    const resumed = commitOf(row, 3, { state: RunState.RUNNING });
    assert.deepEqual(await store().commit([resumed], NO_LIMITS), done);
    const { managerId, epoch, seq, state } = (await store().getRun(row.runId))!;
    assert.deepEqual(
      { managerId, epoch, seq, state },
      { managerId: 'm1', epoch: 1, seq: 3, state: RunState.RUNNING },
    );
    assert.deepEqual((await store().commit([commitOf(resumed.row, 1)], NO_LIMITS)).fenced, []);
  });

  it('refuses events that differ from those that are there, and those of another owner', async () => {
    const row = await newRun();
    await store().commit([commitOf(row, 2)], NO_LIMITS);
    const different = { row: { ...row, seq: 2 }, events: someEvents(1, 2, 8) };
    await assert.rejects(store().commit([different], NO_LIMITS), { code: 'internal' });
    const fewer = commitOf(row, 1);
    await assert.rejects(store().commit([fewer], NO_LIMITS), { code: 'internal' });
    await store().claimRun(row.runId, 'm2', ['m2']);
    assert.deepEqual((await store().commit([commitOf(row, 2)], NO_LIMITS)).fenced, [row.runId]);
    // Its end was stored, and then somebody took it.
    const other = await newRun();
    const ended = commitOf(other, 1, { state: RunState.SUCCEEDED });
    await store().commit([ended], NO_LIMITS);
    await store().claimRun(other.runId, 'm2', ['m2']);
    assert.deepEqual((await store().commit([ended], NO_LIMITS)).fenced, [other.runId]);
    assert.deepEqual(await seqs(other), [1]);
  });

  it('takes the creation of a run again as done, while nothing has been done with it', async () => {
    const row = runRow({ seq: 2 });
    for (let tries = 0; tries < 2; tries += 1) await store().createRun(row, someEvents(1, 2), 'm1');
    assert.deepEqual(await seqs(row), [1, 2]);
    const again = (change: Partial<RunRow>, managerId: string) =>
      store().createRun({ ...row, ...change }, someEvents(1, 2), managerId);
    await assert.rejects(again({}, 'm2'), { code: 'already_exists' });
    await assert.rejects(store().createRun(row, someEvents(1, 2, 8), 'm1'), { code: 'already_exists' });
    await store().commit([commitOf({ ...row, managerId: 'm1' }, 1)], NO_LIMITS);
    await assert.rejects(again({}, 'm1'), { code: 'already_exists' });
  });
}
