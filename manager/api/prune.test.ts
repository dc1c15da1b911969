import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { FileStore } from '../../files/file-store.ts';
import { putFolder } from '../../files/put-folder.ts';
import { type File, FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../../proto/ids.ts';
import type { Manager } from '../manager.ts';
import { BEGIN_MS, openPast, type Past, type PastRun } from './past-runs.fixture.ts';
import { autoPrune, pruneRuns } from './prune.ts';
import { listStaging } from './staging.ts';

const HOUR_MS = 3_600_000;
const KEEP_NONE = { keep: 0, endedBeforeUnixMs: Date.now(), dryRun: false };

describe('pruning', () => {
  let past: Past;
  beforeEach(async () => {
    past = await openPast();
  });
  afterEach(() => past.close());

  async function ranOnce(
    pipeline: string,
    files: Record<string, string> = {},
    made: File[] = [],
  ): Promise<PastRun> {
    const run = await past.begin(pipeline, [{ name: 'make' }]);
    await run.succeeded('make', { files, made });
    await run.commit([{ table: 'left', processor: 'make', rows: [{ pipeline }] }]);
    for (const path of [`runs/${run.runId}/logs/make.1.log`, `staging/${run.runId}/e1/work/file`])
      leave(path);
    return run;
  }

  function leave(path: string): string {
    const whole = join(past.home, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, '12345');
    return whole;
  }

  async function running(): Promise<string[]> {
    return (await past.store.listRuns({ limit: 100 })).map(({ runId }) => runId).reverse();
  }

  /** The same manager, so many hours later as far as the file store is told. */
  function later(hours: number): Manager {
    const files = {
      readBytes: (hash, limit) => past.files.readBytes(hash, limit),
      collect: (options) =>
        past.files.collect({
          ...options,
          beforeMs: options.beforeMs + hours * HOUR_MS,
          nowMs: options.nowMs + hours * HOUR_MS,
        }),
    } as Pick<FileStore, 'readBytes' | 'collect'> as FileStore;
    return { ...past.manager, files };
  }

  it('keeps the newest of each pipeline, what ended late, and what goes on', async () => {
    const [a1, a2, b1] = [await ranOnce('a'), await ranOnce('a'), await ranOnce('b')];
    const going = await past.begin('a', [{ name: 'make' }]);
    const prune = (keep: number, endedBeforeUnixMs: number, dryRun = false) =>
      pruneRuns(past.manager, { keep, endedBeforeUnixMs, dryRun });
    assert.deepEqual((await prune(0, 0)).runIds, []);
    assert.deepEqual((await prune(0, BEGIN_MS)).runIds, []);
    // The one that goes on is the newest.
    assert.deepEqual((await prune(2, 0, true)).runIds, [a1.runId]);
    assert.deepEqual((await prune(2, a1.run.endedMs, true)).runIds, []);
    assert.deepEqual((await prune(2, a1.run.endedMs + 1, true)).runIds, [a1.runId]);
    assert.equal((await running()).length, 4);
    assert.deepEqual((await prune(2, Date.now())).runIds, [a1.runId]);
    assert.deepEqual(await running(), [a2.runId, b1.runId, going.runId]);
    assert.deepEqual((await prune(0, Date.now())).runIds.toSorted(), [a2.runId, b1.runId].toSorted());
    assert.deepEqual(await running(), [going.runId]);
    assert.deepEqual(await past.store.listRecordTables(), []);
  });

  it('removes logs and staging folders, also those that an earlier pruning did not come to', async () => {
    const [gone, kept] = [await ranOnce('a'), await ranOnce('a')];
    const locked = dirname(leave(`staging/${gone.runId}/e1/locked/file`));
    chmodSync(locked, 0o500);
    const [old, young] = [newId(), newId()];
    for (const runId of [old, young]) leave(`runs/${runId}/logs/x.1.log`);
    const before = new Date(Date.now() - 2 * HOUR_MS);
    utimesSync(join(past.home, 'runs', old), before, before);
    leave('runs/notes/mine');
    await pruneRuns(past.manager, { keep: 1, endedBeforeUnixMs: 0, dryRun: true });
    assert.ok(existsSync(locked));
    await pruneRuns(past.manager, { keep: 1, endedBeforeUnixMs: 0, dryRun: false });
    assert.deepEqual(readdirSync(join(past.home, 'runs')).sort(), [kept.runId, young, 'notes'].sort());
    assert.deepEqual(readdirSync(join(past.home, 'staging')), [kept.runId]);
  });

  it('collects the files that no run refers to, an hour after they were found', async () => {
    const folder = join(past.home, 'folder');
    mkdirSync(join(folder, 'deep'), { recursive: true });
    writeFileSync(join(folder, 'deep/inside'), 'inside of a folder');
    const { hash, size } = await putFolder(past.files, folder, { move: false });
    const tree = create(FileSchema, { name: 'folder', hash, size, folder: true });
    const first = await ranOnce('a', { own: 'only of the first', both: 'of both' });
    await ranOnce('a', { both: 'of both' }, [tree]);
    const { hash: orphan } = await past.files.putBytes(Buffer.from('of no run'));
    const all = await contents();
    assert.equal(all.length, 6);

    const policy = { keep: 1, endedBeforeUnixMs: 0, dryRun: false };
    const dry = await pruneRuns(later(2), { ...policy, dryRun: true });
    assert.deepEqual([dry.runIds, dry.files, dry.markedFiles], [[first.runId], 0, 2]);
    // What is younger than an hour stays, whoever refers to it.
    assert.equal((await pruneRuns(past.manager, policy)).markedFiles, 0);
    assert.equal((await pruneRuns(later(2), policy)).markedFiles, 2);
    const { files, bytes } = await pruneRuns(later(4), policy);
    assert.deepEqual([files, bytes], [2, 'only of the first'.length + 'of no run'.length]);
    assert.equal(await past.files.has(orphan), undefined);
    assert.equal((await contents()).length, 4);
    assert.equal((await past.files.readBytes(hash)).length > 0, true);
  });

  it('leaves what is younger than the oldest run that goes on', async () => {
    await past.files.putBytes(Buffer.from('left by an attempt that has not been told of yet'));
    const going = await past.begin('a', [{ name: 'make' }]);
    // It began longer ago than any file: two hours later nothing is collected.
    assert.equal((await pruneRuns(later(2), KEEP_NONE)).markedFiles, 0);
    await going.succeeded('make');
    await going.commit();
    assert.equal((await pruneRuns(later(2), KEEP_NONE)).markedFiles, 1);
  });

  it('goes on where a folder is not to be had, and collects nothing when the store cannot be read', async () => {
    const gone = create(FileSchema, { name: 'elsewhere', hash: '7'.repeat(64), folder: true });
    const wrong = await past.files.putBytes(Buffer.from('no tree'));
    await ranOnce('a', {}, [gone, create(FileSchema, { name: 'wrong', hash: wrong.hash, folder: true })]);
    await past.files.putBytes(Buffer.from('of no run'));
    const policy = { keep: 1, endedBeforeUnixMs: 0, dryRun: false };
    assert.equal((await pruneRuns(later(2), policy)).markedFiles, 1);
    const broken = later(4);
    broken.files.readBytes = () => Promise.reject(new Error('the disk is on fire'));
    await assert.rejects(pruneRuns(broken, policy), /on fire/);
    assert.equal((await pruneRuns(later(4), policy)).files, 1);
  });

  it('prunes by itself once a day, whichever manager it is', async () => {
    const runs = [await ranOnce('a'), await ranOnce('a'), await ranOnce('a')];
    assert.equal(await autoPrune(past.manager, { keepRuns: 0, keepDays: 0 }), undefined);
    const policy = { keepRuns: 2, keepDays: 30 };
    assert.deepEqual((await autoPrune(past.manager, policy))?.runIds, [runs[0]!.runId]);
    await past.store.removeManager('m1');
    assert.equal(await autoPrune(past.manager, { keepRuns: 1, keepDays: 0 }), undefined);
    assert.equal((await running()).length, 2);
  });

  it('is tried again when it failed', async () => {
    const broken = later(0);
    broken.files.collect = () => Promise.reject(new Error('no collection today'));
    const policy = { keepRuns: 1, keepDays: 0 };
    await assert.rejects(autoPrune(broken, policy), /no collection today/);
    assert.notEqual(await autoPrune(past.manager, policy), undefined);
  });

  it('lists staging folders with their sizes, and removes them when the run has ended', async () => {
    const run = await ranOnce('a');
    leave(`staging/${run.runId}/e2/file`);
    leave(`staging/${run.runId}/.e3-1-1/on-its-way-out`);
    const list = async (runId: string, remove = false) =>
      (await listStaging(past.manager, { $typeName: 'wiz.v1.ListStagingRequest', runId, remove })).map(
        ({ executorId, bytes, path }) => [executorId, bytes, path.startsWith(past.home)],
      );
    const both = [
      ['e1', 5, true],
      ['e2', 5, true],
    ];
    assert.deepEqual(await list('latest'), both);
    assert.deepEqual(await list('latest', true), both);
    assert.deepEqual(await list(run.runId, true), []);
    assert.equal(existsSync(join(past.home, 'staging', run.runId)), false);
    const going = await past.begin('a', [{ name: 'make' }]);
    leave(`staging/${going.runId}/e1/file`);
    await assert.rejects(list(going.runId, true), { code: 'failed_precondition', message: /goes on/ });
    assert.equal((await past.store.getRun(going.runId))?.state, RunState.RUNNING);
    assert.deepEqual(await list(going.runId), [both[0]]);
  });

  async function contents(): Promise<string[]> {
    const hashes: string[] = [];
    for await (const { hash } of past.files.list()) hashes.push(hash);
    return hashes;
  }
});
