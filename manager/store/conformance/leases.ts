import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { SHARDS, shardOf } from '../shard.ts';
import type { LimitChanges, RunRow, Store } from '../store.ts';
import { commitOf, manager, NO_LIMITS, runRow, until } from './rows.ts';

export function ownershipTests(store: () => Store): void {
  async function newRun(managerId: string | null, change: Partial<RunRow> = {}): Promise<RunRow> {
    const row = runRow({ managerId, ...change });
    await store().createRun(row, [], managerId);
    return row;
  }

  it('fences commits of others, of older epochs and of unowned runs, and stores the rest', async () => {
    const mine = await newRun('m1');
    const taken = await newRun('m1');
    const unowned = await newRun(null);
    assert.deepEqual(await store().claimRun(taken.runId, 'm2', ['m2']), { epoch: 2 });
    const commits = [mine, taken, unowned].map((row) => commitOf(row, 1));
    const foreign = commitOf({ ...taken, managerId: 'm2', epoch: 1 }, 1);
    const { fenced } = await store().commit([...commits, foreign], NO_LIMITS);
    assert.deepEqual(fenced.sort(), [taken.runId, unowned.runId].sort());
    assert.equal((await store().getRun(mine.runId))?.seq, 1);
    for (const row of [taken, unowned]) {
      assert.equal((await store().getRun(row.runId))?.seq, 0);
      assert.deepEqual(await store().readEvents(row.runId, 0, 10), []);
    }
    const now = commitOf({ ...taken, managerId: 'm2', epoch: 2 }, 1);
    assert.deepEqual((await store().commit([now], NO_LIMITS)).fenced, []);
  });

  it('gives each orphan to one claimer, with a greater epoch', async () => {
    const orphans = [await newRun(null), await newRun('dead'), await newRun('dead')].map((row) => row.runId);
    const living = await newRun('m3');
    await newRun(null, { state: RunState.SUCCEEDED });
    assert.equal(await store().countOrphans(['m1', 'm2', 'm3']), 3);
    const claims = await Promise.all(
      ['m1', 'm2'].map((id) => store().claimRuns(id, ['m1', 'm2', 'm3'], id === 'm1' ? 2 : 10)),
    );
    assert.deepEqual(claims.map((claimed) => claimed.length).sort(), [1, 2]);
    assert.deepEqual(
      claims.flat().map((claim) => claim.runId),
      orphans,
    );
    for (const { runId, epoch } of claims.flat()) {
      assert.equal(epoch, 2);
      assert.equal((await store().getRun(runId))?.epoch, 2);
    }
    assert.equal((await store().getRun(living.runId))?.managerId, 'm3');
    assert.deepEqual(await store().claimRuns('m2', ['m1', 'm3'], 10), []);
  });

  it('claims one run, ended or not, unless somebody living has it', async () => {
    const row = await newRun('m1', { state: RunState.FAILED });
    assert.equal(await store().claimRun(row.runId, 'm2', ['m1', 'm2']), undefined);
    assert.deepEqual(await store().claimRun(row.runId, 'm1', ['m1']), { epoch: 1 });
    assert.deepEqual(await store().claimRun(row.runId, 'm2', ['m2']), { epoch: 2 });
    await store().releaseRuns('m1', [row.runId]);
    assert.equal((await store().getRun(row.runId))?.managerId, 'm2');
    await store().releaseRuns('m2', [row.runId]);
    assert.equal((await store().getRun(row.runId))?.managerId, null);
    assert.deepEqual(await store().claimRun(row.runId, 'm1', ['m1', 'm2']), { epoch: 3 });
    assert.equal(await store().claimRun('0'.repeat(27), 'm1', []), undefined);
  });

  it('keeps managers, and frees all that a removed one held', async () => {
    const renewed = manager('m1', { heartbeatMs: 1_700_000_002_000, expiresMs: 1_700_000_008_000 });
    assert.equal(await store().heartbeat(manager('m1')), false);
    assert.equal(await store().heartbeat(manager('m2', { kind: 'background' })), false);
    assert.equal(await store().heartbeat(renewed), true);
    assert.deepEqual(await store().listManagers(), [renewed, manager('m2', { kind: 'background' })]);
    const row = await newRun('m1');
    await store().acquireLease('launch', 'local', 'm1', 1, 100);
    assert.deepEqual(await store().ownedRuns('m1'), [{ runId: row.runId, epoch: 1 }]);
    assert.equal(await store().removeManager('m1'), true);
    assert.equal(await store().removeManager('m1'), false);
    assert.deepEqual(
      (await store().listManagers()).map((one) => one.managerId),
      ['m2'],
    );
    assert.deepEqual(await store().ownedRuns('m1'), []);
    assert.equal((await store().getRun(row.runId))?.managerId, null);
    assert.deepEqual(await store().listLeases('launch'), []);
    assert.deepEqual((await store().commit([commitOf(row, 1)], NO_LIMITS)).fenced, [row.runId]);
    assert.deepEqual(await store().claimRuns('m2', ['m2'], 1), [{ runId: row.runId, epoch: 2 }]);
  });

  it('keeps what a manager says of itself', async () => {
    const said = manager('m1', {
      kind: 'daemon',
      roles: ['runs'],
      draining: true,
      url: 'https://one.example:7433',
      runs: 7,
      loads: { e1: 3, e2: 1 },
    });
    await store().heartbeat(manager('m1'));
    await store().heartbeat(said);
    assert.deepEqual(await store().listManagers(), [said]);
  });

  it('does not remove a manager whose heart has beaten since', async () => {
    await store().heartbeat(manager('m1'));
    const row = await newRun('m1');
    await store().heartbeat(manager('m1', { heartbeatMs: 1_700_000_001_000 }));
    assert.equal(await store().removeManager('m1', 1_700_000_000_000), false);
    assert.equal((await store().getRun(row.runId))?.managerId, 'm1');
    assert.equal(await store().removeManager('m1', 1_700_000_001_000), true);
    assert.equal((await store().getRun(row.runId))?.managerId, null);
  });

  it('claims orphans of some shards only', async () => {
    const rows = await Promise.all(Array.from({ length: 40 }, () => newRun(null)));
    const half = (odd: boolean) => Array.from({ length: SHARDS / 2 }, (_, i) => 2 * i + (odd ? 1 : 0));
    const even = await store().claimRuns('m1', ['m1', 'm2'], 100, half(false));
    const odd = await store().claimRuns('m2', ['m1', 'm2'], 100, half(true));
    assert.deepEqual(await store().claimRuns('m1', ['m1', 'm2'], 100, []), []);
    assert.ok(even.every(({ runId }) => shardOf(runId) % 2 === 0));
    assert.ok(odd.every(({ runId }) => shardOf(runId) % 2 === 1));
    assert.deepEqual(
      [...even, ...odd].map(({ runId }) => runId).sort(),
      rows.map(({ runId }) => runId).sort(),
    );
  });

  it('gives a named lease to one holder until it expires or is given back', async () => {
    const hour = 3_600_000;
    const acquire = (key: string, holder: string, ms: number) => {
      const nowMs = Date.now();
      return store().acquireLease('launch', key, holder, nowMs, nowMs + ms);
    };
    assert.equal(await acquire('local', 'a', hour), true);
    assert.equal(await acquire('local', 'b', hour), false);
    assert.equal(await acquire('other', 'b', hour), true);
    // It is renewed, and then let expire at once.
    assert.equal(await acquire('local', 'a', 2 * hour), true);
    assert.equal(await acquire('local', 'b', hour), false);
    assert.equal(await acquire('local', 'a', 1), true);
    await until(() => acquire('local', 'b', hour));
    await store().releaseLease('launch', 'local', 'a');
    const listed = await store().listLeases('launch');
    assert.deepEqual(
      listed.map((lease) => ({ ...lease, expiresMs: 0 })),
      [
        { kind: 'launch', key: 'local', holder: 'b', expiresMs: 0 },
        { kind: 'launch', key: 'other', holder: 'b', expiresMs: 0 },
      ],
    );
    for (const { expiresMs } of listed) assert.ok(Math.abs(expiresMs - (Date.now() + hour)) < hour / 2);
    await store().releaseLease('launch', 'local', 'b');
    assert.equal(await acquire('local', 'a', hour), true);
  });
}

export function limitTests(store: () => Store): void {
  const take = (key: string, holder: string, runId: string, max: number): LimitChanges => ({
    acquire: [{ key, holder, runId }],
    release: [],
    max: { [key]: max },
  });
  async function holders(): Promise<string[]> {
    return (await store().listLeases('limit')).map((lease) => `${lease.key}:${lease.holder}`);
  }
  async function newRun(): Promise<RunRow> {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm1');
    return row;
  }

  it('never has more holders than the maximum, and then stores nothing at all', async () => {
    const row = await newRun();
    assert.deepEqual(await store().commit([], take('gpu', 'a', row.runId, 2)), { fenced: [], exceeded: [] });
    await store().commit([], take('gpu', 'b', row.runId, 2));
    await store().commit([], take('gpu', 'b', row.runId, 2));
    const refused = await store().commit([commitOf(row, 1)], take('gpu', 'c', row.runId, 2));
    assert.deepEqual(refused.exceeded, ['gpu']);
    assert.equal((await store().getRun(row.runId))?.seq, 0);
    assert.deepEqual(await holders(), ['gpu:a', 'gpu:b']);
    const swap = { ...take('gpu', 'c', row.runId, 2), release: [{ key: 'gpu', holder: 'a' }] };
    assert.deepEqual((await store().commit([], swap)).exceeded, []);
    assert.deepEqual(await holders(), ['gpu:b', 'gpu:c']);
  });

  it('keeps to the maximum when many acquire at once', async () => {
    const row = await newRun();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => store().commit([], take('gpu', `h${i}`, row.runId, 7))),
    );
    assert.equal(answers.filter(({ exceeded }) => exceeded.length === 0).length, 7);
    assert.equal((await holders()).length, 7);
  });

  it('leaves the limits of a fenced run to its new owner', async () => {
    const row = await newRun();
    await store().commit([], take('gpu', 'a', row.runId, 5));
    await store().claimRun(row.runId, 'm2', ['m2']);
    const changes = { ...take('gpu', 'b', row.runId, 5), release: [{ key: 'gpu', holder: 'a' }] };
    assert.deepEqual((await store().commit([commitOf(row, 1)], changes)).fenced, [row.runId]);
    assert.deepEqual(await holders(), ['gpu:a']);
  });

  it('releases with the events of runs, also of one that ends, and not for a fenced one', async () => {
    const rows = [await newRun(), await newRun(), await newRun()] as const;
    for (const [n, row] of rows.entries()) {
      await store().commit([], take('gpu', `a${n}`, row.runId, 6));
      await store().commit([], take('gpu', `b${n}`, row.runId, 6));
    }
    const release = (...ns: number[]): LimitChanges => ({
      acquire: [],
      release: ns.map((n) => ({ key: 'gpu', holder: `a${n}` })),
      max: {},
    });
    const ends = commitOf(rows[1], 1, { state: RunState.FAILED });
    const done = { fenced: [], exceeded: [] };
    assert.deepEqual(await store().commit([commitOf(rows[0], 1), ends], release(0, 1)), done);
    assert.deepEqual(await holders(), ['gpu:a2', 'gpu:b0', 'gpu:b2']);
    await store().claimRun(rows[2].runId, 'm2', ['m2']);
    const fenced = await store().commit([commitOf(rows[2], 1)], release(2));
    assert.deepEqual(fenced.fenced, [rows[2].runId]);
    assert.deepEqual(await holders(), ['gpu:a2', 'gpu:b0', 'gpu:b2']);
  });

  it('frees what a manager has reserved and no run has, when the manager is removed', async () => {
    await store().commit([], take('gpu', 'm1#0', '', 5));
    await store().commit([], take('gpu', 'm10#0', '', 5));
    await store().removeManager('m1');
    assert.deepEqual(await holders(), ['gpu:m10#0']);
  });

  it('outlives the manager and ends with the run', async () => {
    const [row, other] = [await newRun(), await newRun()];
    await store().commit([], take('gpu', 'a', row.runId, 5));
    await store().commit([], take('gpu', 'm1', other.runId, 5));
    await store().removeManager('m1');
    assert.deepEqual(await holders(), ['gpu:a', 'gpu:m1']);
    const claim = await store().claimRun(row.runId, 'm2', ['m2']);
    const ended = { managerId: 'm2', epoch: claim!.epoch, state: RunState.FAILED };
    await store().commit([commitOf(row, 1, ended)], NO_LIMITS);
    assert.deepEqual(await holders(), ['gpu:m1']);
  });
}
