import assert from 'node:assert/strict';
import { it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { DataSchema, FileSchema } from '../../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorReusedSchema, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import type { CacheEntry, FileLink, FileStamp, RunCommit, RunRow, Store } from '../store.ts';
import { commitOf, NO_LIMITS, runRow } from './rows.ts';

/** A SHA-256 for tests: 64 hexadecimal digits that begin with these. */
export function hashOf(start: string): string {
  return start.padEnd(64, '0');
}

export function fileLink(run: RunRow, change: Partial<FileLink> = {}): FileLink {
  return {
    hash: hashOf('ab'),
    runId: run.runId,
    pipeline: run.pipeline,
    processor: 'report',
    attempt: 1,
    role: 'made',
    name: 'report.html',
    size: 5_000_000_000,
    folder: false,
    mediaType: 'text/html',
    createdMs: 1_700_000_000_123,
    originRunId: '',
    originAttempt: 0,
    ...change,
  };
}

export function cacheEntry(run: RunRow, key: string, change: Partial<CacheEntry> = {}): CacheEntry {
  const processor = change.processor ?? 'parse[3]';
  return {
    key,
    pipeline: run.pipeline,
    processor,
    runId: run.runId,
    createdMs: 1_700_000_000_123,
    result: create(ProcessorReusedSchema, {
      processor,
      cache: { key, verdict: 'reused', runId: run.runId, attempt: 2, parts: { script: hashOf('5c') } },
      output: create(DataSchema, { value: { case: 'text', value: 'wörld 🌍' } }),
      context: { MODE: 'fast' },
      files: [create(FileSchema, { name: '3/a.png', hash: hashOf('a1'), size: 9, mediaType: 'image/png' })],
    }),
    ...change,
  };
}

/** A run of `m1`, and what is committed with its end. */
export async function endedRun(
  store: Store,
  leavings: (row: RunRow) => Partial<RunCommit> = () => ({}),
  change: Partial<RunRow> = {},
): Promise<RunRow> {
  const row = runRow({ managerId: 'm1', ...change });
  await store.createRun(row, [], 'm1');
  const commit = commitOf(row, 1, { state: RunState.SUCCEEDED, endedMs: 1_700_000_001_000 });
  await store.commit([{ ...commit, ...leavings(row) }], NO_LIMITS);
  return row;
}

export function cacheTests(store: () => Store): void {
  it('keeps results by key, and tells the newest of a processor', async () => {
    const row = await endedRun(store(), (run) => ({
      cacheEntries: [
        cacheEntry(run, 'k1', { createdMs: 1 }),
        cacheEntry(run, 'k2', { createdMs: 3 }),
        cacheEntry(run, 'k3', { createdMs: 2 }),
        cacheEntry(run, 'k4', { createdMs: 9, processor: 'other' }),
      ],
    }));
    const found = await store().findCacheEntries(['k3', 'nothing', 'k1']);
    assert.deepEqual([...found.keys()].sort(), ['k1', 'k3']);
    assert.deepEqual(found.get('k1'), cacheEntry(row, 'k1', { createdMs: 1 }));
    const latest = await store().latestCacheEntries(row.pipeline, ['parse[3]', 'other', 'parse[4]']);
    assert.deepEqual([...latest].map(([name, { key }]) => [name, key]).sort(), [
      ['other', 'k4'],
      ['parse[3]', 'k2'],
    ]);
    assert.equal((await store().latestCacheEntries('another', ['other'])).size, 0);
  });

  it('keeps an entry as long as the newest run that used it', async () => {
    const maker = await endedRun(store(), (run) => ({ cacheEntries: [cacheEntry(run, 'k')] }));
    const user = await endedRun(store(), () => ({ reusedKeys: ['k', 'none'] }));
    // An older one that comes late takes nothing back.
    const claim = await store().claimRun(maker.runId, 'm1', ['m1']);
    const again = commitOf({ ...maker, seq: 1, epoch: claim!.epoch }, 1, { state: RunState.SUCCEEDED });
    await store().commit([{ ...again, reusedKeys: ['k'] }], NO_LIMITS);
    assert.deepEqual(await store().deleteRuns([maker.runId]), [maker.runId]);
    const entry = (await store().findCacheEntries(['k'])).get('k');
    assert.deepEqual(entry, { ...cacheEntry(maker, 'k'), runId: user.runId });
    await store().deleteRuns([user.runId]);
    assert.equal((await store().findCacheEntries(['k'])).size, 0);
  });

  it('has as the latest of a processor what the newest run has made or used', async () => {
    const latest = async () => {
      const found = await store().latestCacheEntries('audit', ['parse[3]']);
      return found.get('parse[3]')?.key;
    };
    for (const [createdMs, key] of ['before', 'after'].entries()) {
      await endedRun(store(), (run) => ({ cacheEntries: [cacheEntry(run, key, { createdMs })] }));
      assert.equal(await latest(), key);
    }
    await endedRun(store(), () => ({ reusedKeys: ['before'] }));
    assert.equal(await latest(), 'before');
  });

  it('finds the entries that a file went into', async () => {
    await endedRun(store(), (run) => ({
      cacheEntries: [
        cacheEntry(run, 'k1', { createdMs: 1 }),
        cacheEntry(run, 'k2', { createdMs: 2 }),
        // Not a part of the key: a file that was left.
        cacheEntry(run, hashOf('a1')),
      ],
    }));
    const found = await store().findCacheEntriesNaming(hashOf('5c'), 2);
    assert.deepEqual(
      found.map(({ key }) => key),
      [hashOf('a1'), 'k2'],
    );
    assert.deepEqual(await store().findCacheEntriesNaming(hashOf('a1'), 9), []);
  });

  it('has one entry for a key that two runs make at once', async () => {
    const rows = [runRow({ managerId: 'm1' }), runRow({ managerId: 'm1' })];
    for (const row of rows) await store().createRun(row, [], 'm1');
    const commits = rows.map((row) => ({ ...commitOf(row, 1), cacheEntries: [cacheEntry(row, 'same')] }));
    await Promise.all(commits.map((commit) => store().commit([commit], NO_LIMITS)));
    const { runId, result } = (await store().findCacheEntries(['same'])).get('same')!;
    assert.ok(rows.some((row) => row.runId === runId));
    assert.equal(result.cache?.runId, runId);
  });

  it('remembers hashes of files on disk as they were last', async () => {
    const stamp: FileStamp = {
      path: '/data/ä b.csv',
      size: 6_000_000_000,
      mtimeNs: '1700000000123456789',
      ctimeNs: '1700000000123456790',
      inode: '18446744073709551615',
      hash: hashOf('f1'),
    };
    await store().putFileStamps([stamp, { ...stamp, path: '/other' }]);
    const changed = { ...stamp, hash: hashOf('f2'), mtimeNs: '1700000000123456791' };
    await store().putFileStamps([changed]);
    assert.deepEqual([...(await store().getFileStamps([stamp.path, '/none']))], [[stamp.path, changed]]);
  });
}

export function fileTests(store: () => Store): void {
  const names = (links: FileLink[]) => links.map(({ name }) => name);

  it('finds the runs that refer to a file, by its hash or the beginning of it', async () => {
    const older = await endedRun(store(), (run) => ({ fileLinks: [fileLink(run, { name: 'old' })] }));
    const newer = await endedRun(store(), (run) => ({
      fileLinks: [
        fileLink(run, { name: 'new', originRunId: older.runId, originAttempt: 2, attempt: 0 }),
        fileLink(run, { name: 'next', hash: hashOf('ac') }),
        fileLink(run, { name: 'folder', hash: hashOf('b'), folder: true, role: 'value' }),
      ],
    }));
    const origin = { originRunId: older.runId, originAttempt: 2, attempt: 0 };
    assert.deepEqual(await store().findFileLinks(hashOf('ab'), 9), [
      fileLink(newer, { name: 'new', ...origin }),
      fileLink(older, { name: 'old' }),
    ]);
    assert.deepEqual(names(await store().findFileLinks('a', 9)), ['new', 'next', 'old']);
    assert.deepEqual(names(await store().findFileLinks('a', 2)), ['new', 'next']);
    assert.deepEqual(await store().findFileLinks('%', 9), []);
    assert.deepEqual(await store().findFileLinks(hashOf('f'), 9), []);
    assert.deepEqual([...(await store().referredHashes())].sort(), [
      [hashOf('ab'), false],
      [hashOf('ac'), false],
      [hashOf('b'), true],
    ]);
    assert.deepEqual([...(await store().referredHashes([newer.runId]))], [[hashOf('ab'), false]]);
  });

  it('lists the links of a run, and of one processor, as they were written', async () => {
    const row = await endedRun(store(), (run) => ({
      fileLinks: [
        fileLink(run, { name: 'z', processor: 'a[0]' }),
        fileLink(run, { name: 'y', processor: 'b' }),
        fileLink(run, { name: 'x', processor: 'a[0]' }),
      ],
    }));
    await endedRun(store(), (run) => ({ fileLinks: [fileLink(run, { processor: 'b' })] }));
    assert.deepEqual(names(await store().listFileLinks(row.runId)), ['z', 'y', 'x']);
    assert.deepEqual(names(await store().listFileLinks(row.runId, 'a[0]')), ['z', 'x']);
  });

  it('lists what runs have kept, newest run first', async () => {
    const kept = (path: string, pipeline = 'audit') =>
      endedRun(
        store(),
        (run) => ({ fileLinks: [fileLink(run, { role: 'kept', name: path }), fileLink(run)] }),
        {
          pipeline,
        },
      );
    await kept('a.txt');
    const newest = await kept('b.txt', 'other');
    await kept('a.txt');
    const listed = async (filter: Partial<Parameters<Store['listKeptFiles']>[0]>) =>
      names(await store().listKeptFiles({ limit: 9, ...filter }));
    assert.deepEqual(await listed({}), ['a.txt', 'b.txt', 'a.txt']);
    assert.deepEqual(await listed({ limit: 2 }), ['a.txt', 'b.txt']);
    assert.deepEqual(await listed({ pipeline: 'audit' }), ['a.txt', 'a.txt']);
    assert.deepEqual(await listed({ path: 'b.txt' }), ['b.txt']);
    assert.deepEqual(await listed({ pipeline: 'other', path: 'a.txt' }), []);
    assert.deepEqual(await listed({ pipeline: 'other', made: true }), ['b.txt', 'report.html']);
    assert.deepEqual((await listed({ made: true })).length, 6);
    const { processor, name } = fileLink(newest);
    assert.equal(await store().findRunThatMade('other', processor, name), newest.runId);
    assert.equal(await store().findRunThatMade('other', processor, 'b.txt'), undefined);
    assert.equal(await store().findRunThatMade('none', processor, name), undefined);
    // A run that was gone on with keeps what it left at its last end.
    const claim = await store().claimRun(newest.runId, 'm1', ['m1']);
    const resumed = commitOf({ ...newest, seq: 1, epoch: claim!.epoch }, 1);
    const again = [fileLink(newest, { role: 'kept', name: 'c.txt' })];
    await store().commit([{ ...resumed, fileLinks: again }], NO_LIMITS);
    assert.deepEqual(await listed({ pipeline: 'other' }), ['c.txt']);
  });

  it('stores nothing of a run that another manager owns', async () => {
    const row = runRow({ managerId: 'm1' });
    await store().createRun(row, [], 'm2');
    const commit = {
      ...commitOf(row, 1),
      cacheEntries: [cacheEntry(row, 'fenced')],
      fileLinks: [fileLink(row)],
      records: [{ table: 'fenced', processor: 'p', rows: [{ a: 1 }] }],
    };
    assert.deepEqual((await store().commit([commit], NO_LIMITS)).fenced, [row.runId]);
    assert.equal((await store().findCacheEntries(['fenced'])).size, 0);
    assert.deepEqual(await store().listFileLinks(row.runId), []);
    assert.deepEqual(await store().listRecordTables(), []);
  });
}

export function deletionTests(store: () => Store): void {
  const leave = (run: RunRow): Partial<RunCommit> => ({
    cacheEntries: [cacheEntry(run, `key of ${run.runId}`)],
    fileLinks: [fileLink(run)],
    records: [{ table: 'deleted', processor: 'p', rows: [{ of: run.runId }] }],
  });

  it('deletes runs that ended, with all that they left, and no others', async () => {
    const rows = [await endedRun(store(), leave), await endedRun(store(), leave)];
    const [gone, stays] = rows;
    const going = runRow({ managerId: 'm1' });
    await store().createRun(going, [], 'm1');
    await store().sendCommand({ runId: going.runId, kind: 'cancel', message: '' });
    assert.deepEqual(await store().deleteRuns([gone!.runId, going.runId, 'nothing']), [gone!.runId]);
    assert.equal(await store().getRun(gone!.runId), undefined);
    assert.deepEqual(await store().readEvents(gone!.runId, 0, 9), []);
    assert.deepEqual(await store().listFileLinks(gone!.runId), []);
    const keys = rows.map(({ runId }) => `key of ${runId}`);
    assert.deepEqual([...(await store().findCacheEntries(keys)).keys()], [keys[1]]);
    assert.equal((await store().listRecordTables())[0]?.rows, 1);
    assert.equal((await store().readEvents(stays!.runId, 0, 9)).length, 1);
    assert.equal((await store().getRun(going.runId))?.state, RunState.RUNNING);
    await store().deleteRuns([stays!.runId]);
    assert.deepEqual(await store().listRecordTables(), []);
  });

  it('keeps a run that somebody is about to go on with', async () => {
    const row = await endedRun(store(), leave);
    await store().claimRun(row.runId, 'm2', ['m2']);
    assert.deepEqual(await store().deleteRuns([row.runId]), []);
    await store().releaseRuns('m2', [row.runId]);
    assert.deepEqual(await store().deleteRuns([row.runId]), [row.runId]);
  });
}
