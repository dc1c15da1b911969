import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { postgresForTests, startPostgres } from '../../test/postgres.ts';
import { tokenRow, userRow } from './conformance/access.ts';
import { chunkOf, chunksOf, queryOf, textOf } from './conformance/logs.ts';
import { commitOf, executorRow, NO_LIMITS, runRow, someEvents, until } from './conformance/rows.ts';
import { startCuttingProxy } from './fixtures/cutting-proxy.ts';
import { openPostgresStore } from './postgres.ts';
import type { RunRow, Store } from './store.ts';

const server = postgresForTests();
const ended: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ended.reverse()) await end();
});

async function open(address: string): Promise<Store> {
  const store = await openPostgresStore(address);
  ended.push(() => store.close());
  return store;
}

/** Commits to some runs until it is told to stop, as a loop does: what failed is committed again, with more behind it. */
function committer(store: Store, rows: RunRow[]) {
  let stopped = false;
  let failures = 0;
  async function work(): Promise<RunRow[]> {
    let now = rows;
    let size = 1;
    while (!stopped) {
      const commits = now.map((row) => commitOf(row, size));
      try {
        const { fenced } = await store.commit(commits, NO_LIMITS);
        assert.deepEqual(fenced, []);
        now = commits.map(({ row }) => row);
        size = 1;
      } catch (error) {
        assert.equal((error as { code: string }).code, 'unavailable');
        failures += 1;
        size += 1;
      }
    }
    return now;
  }
  const done = work();
  return {
    get failures() {
      return failures;
    },
    stop() {
      stopped = true;
      return done;
    },
  };
}

async function assertWhole(store: Store, rows: RunRow[]): Promise<void> {
  for (const { runId, seq } of rows) {
    assert.equal((await store.getRun(runId))?.seq, seq);
    const events = await store.readEvents(runId, 0, 1_000_000);
    assert.deepEqual(
      events.map((event) => event.seq),
      Array.from({ length: seq }, (_, i) => i + 1),
    );
  }
}

async function newRuns(store: Store, count: number): Promise<RunRow[]> {
  const rows = Array.from({ length: count }, () => runRow({ managerId: 'm1' }));
  await Promise.all(rows.map((row) => store.createRun(row, [], 'm1')));
  return rows;
}

describe('PostgreSQL that goes away', () => {
  it('has everything once when answers are lost and connections break', async () => {
    const proxy = await startCuttingProxy(await (await server()).newDatabase());
    ended.push(() => proxy.close());
    const store = await open(proxy.address);
    const rows = await newRuns(store, 5);
    const work = committer(store, rows);
    const one = await newRuns(store, 1);
    for (let n = 0; n < 15; n += 1) {
      proxy.loseNextAnswer();
      const before = (await store.getRun(rows[0]!.runId))!.seq;
      await until(async () => (await store.getRun(rows[0]!.runId))!.seq > before + 2);
      proxy.cut();
      const created = runRow({ seq: 1 });
      proxy.loseNextAnswer();
      await store.createRun(created, someEvents(1, 1, 400), 'm2');
      assert.equal((await store.getRun(created.runId))?.seq, 1);
    }
    await assertWhole(store, await work.stop());
    // Its end, and claims.
    proxy.loseNextAnswer();
    const end = commitOf(one[0]!, 3, { state: RunState.SUCCEEDED });
    assert.deepEqual((await store.commit([end], NO_LIMITS)).fenced, []);
    await assertWhole(store, [end.row]);
    // Of what carries it out: that has the values, and the question how it would be, before, has not.
    proxy.loseNextAnswer('m3');
    const claimed = await store.claimRuns('m3', ['m1'], 100);
    assert.equal(claimed.length, 15);
    for (const { runId, epoch } of claimed) {
      assert.equal(epoch, 2);
      assert.equal((await store.getRun(runId))?.managerId, 'm3');
    }
  });

  it('tells what it did, when the answer was lost', async () => {
    const proxy = await startCuttingProxy(await (await server()).newDatabase());
    ended.push(() => proxy.close());
    const store = await open(proxy.address);
    await store.createToken(tokenRow({ tokenId: 'a-token' }));
    proxy.loseNextAnswer('a-token');
    assert.equal(await store.revokeToken('a-token', 7), true);
    assert.equal((await store.getToken('a-token'))?.revokedMs, 7);
    assert.equal(await store.revokeToken('a-token', 8), false);

    await store.createUser(userRow({ name: 'a-user' }));
    proxy.loseNextAnswer('a-user');
    assert.equal(await store.deleteUser('a-user'), true);
    assert.equal(await store.deleteUser('a-user'), false);

    const executor = executorRow({ executorId: 'r1', launcher: 'registered', name: 'r' });
    await store.registerExecutor(executor);
    const { hostname, machine, pidStart, version, slots } = executor;
    const process = { executorId: 'r2', pid: 5, startedMs: 9, hostname, machine, pidStart, version, slots };
    // On a new connection, where it is not prepared, its text is in what is asked.
    proxy.cut();
    proxy.loseNextAnswer('COMMIT');
    assert.equal(await store.replaceExecutor('r1', process), true);
    assert.deepEqual(await store.listExecutors(), [{ ...executor, ...process }]);
    assert.equal(await store.replaceExecutor('r1', process), false);
  });

  it('keeps logs once when answers are lost', async () => {
    const proxy = await startCuttingProxy(await (await server()).newDatabase());
    ended.push(() => proxy.close());
    const store = await open(proxy.address);
    const logs = store.openLogs('');
    const { runId } = runRow();
    let offset = 0;
    for (let line = 1; line <= 20; line += 1) {
      if (line % 3 === 0) proxy.loseNextAnswer();
      if (line % 5 === 0) proxy.cut();
      offset = await logs.append(chunkOf({ runId, offset, line, data: `${'x'.repeat(400)}\n` }));
      assert.equal(offset, line * 401);
    }
    assert.equal(textOf(await chunksOf(logs, queryOf(runId))), `${'x'.repeat(400)}\n`.repeat(20));
    await logs.close();
  });

  it('loses nothing and stores nothing twice when it is stopped and killed under commits', async () => {
    const own = await startPostgres();
    ended.push(() => own.remove());
    const address = await own.newDatabase();
    const [store, other] = [await open(address), await open(address)];
    const works = [committer(store, await newRuns(store, 3)), committer(other, await newRuns(other, 3))];
    const told: string[] = [];
    const watch = store.watchChanges(({ kind }) => told.push(kind));
    for (const end of [own.stop, own.crash, own.stop, own.crash]) {
      const probe = (await newRuns(store, 1))[0]!;
      await end();
      await own.start();
      told.length = 0;
      // Both go on, and what one commits is told to the other again.
      assert.equal((await other.getRun(probe.runId))?.seq, 0);
      await until(async () => {
        await other.createRun(runRow(), [], null);
        return told.includes('any') && told.includes('runs');
      });
    }
    watch.close();
    for (const work of works) await assertWhole(store, await work.stop());
  });

  it('tells that it is not there, and goes on when it is', async () => {
    const own = await startPostgres();
    ended.push(() => own.remove());
    const store = await open(await own.newDatabase());
    const [row] = await newRuns(store, 1);
    await own.stop();
    const commit = commitOf(row!, 1);
    await assert.rejects(store.commit([commit], NO_LIMITS), {
      code: 'unavailable',
      message: /127\.0\.0\.1:\d+\/t_\w+ cannot be reached/,
    });
    await own.start();
    assert.deepEqual((await store.commit([commit], NO_LIMITS)).fenced, []);
    await assertWhole(store, [commit.row]);
  });
});
