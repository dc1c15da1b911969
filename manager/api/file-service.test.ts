import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { putFolder } from '../../files/put-folder.ts';
import { type File, FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { openPast, type Past, type PastRun } from './past-runs.fixture.ts';

describe('FileService', () => {
  let past: Past;
  let run: PastRun;
  let report: File;
  let plots: File;
  before(async () => {
    past = await openPast();
    run = await past.begin('audit', [
      { name: 'parse', each: [1, 2] },
      { name: 'report', needs: ['parse'] },
    ]);
    run.expanded('parse', 2);
    for (const index of [0, 1]) {
      await run.succeeded(`parse[${index}]`, { files: { 'a.txt': `a of ${index}` } });
    }
    run.instancesEnded('parse');
    plots = await folderFile();
    [report] = (await run.succeeded('report', { files: { 'report.html': '<p>' }, made: [plots] })) as [File];
    run.kept([{ path: 'out/report.html', file: report, processor: 'report' }]);
    await run.commit();
  });
  after(() => past.close());

  async function folderFile(): Promise<File> {
    const path = join(past.home, 'plots');
    mkdirSync(join(path, 'deep/empty'), { recursive: true });
    writeFileSync(join(path, 'deep/tool'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(path, 'ä.txt'), 'ä');
    symlinkSync('deep/tool', join(path, 'link'));
    symlinkSync('deep', join(path, 'short'));
    const { hash, size } = await putFolder(past.files, path, { move: false });
    return create(FileSchema, { name: 'plots', hash, size, folder: true });
  }

  async function download(hash: string, path = '', offset = 0): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const { data } of past.fileApi.downloadFile({ hash, path, offset })) parts.push(data);
    return Buffer.concat(parts);
  }

  async function found(name: string): Promise<string[]> {
    const { file } = await past.fileApi.getFile({ name });
    return [file!.runId, file!.processor, file!.path || file!.file!.name, file!.file!.hash];
  }

  function refused(name: string, code: Code, message: RegExp): Promise<void> {
    return assert.rejects(past.fileApi.getFile({ name }), (error: ConnectError) => {
      assert.equal(error.code, code);
      assert.match(error.rawMessage, message);
      return true;
    });
  }

  it('lists output files, and with all those of the processors', async () => {
    const list = async (request: { runId?: string; all?: boolean; pipeline?: string; limit?: number }) =>
      (await past.fileApi.listFiles(request)).files.map(({ path, processor, file }) =>
        [processor, path, file!.name].join(' '),
      );
    const kept = ['report out/report.html out/report.html'];
    const made = ['parse[0]  a.txt', 'parse[1]  a.txt', 'report  report.html', 'report  plots', ...kept];
    assert.deepEqual(await list({}), kept);
    assert.deepEqual(await list({ runId: 'latest' }), kept);
    assert.deepEqual(await list({ runId: run.runId.slice(0, 20), all: true }), made);
    assert.deepEqual(await list({ all: true, limit: 2 }), made.slice(0, 2));
    assert.deepEqual(await list({ pipeline: 'other' }), []);
    await assert.rejects(list({ limit: 10_001 }), /at most 10000/);
    await assert.rejects(list({ runId: 'nothing' }), { code: Code.NotFound });
  });

  it('finds a file by run, by pipeline and by hash', async () => {
    const kept = [run.runId, 'report', 'out/report.html', report.hash];
    for (const name of [
      `${run.runId}/out/report.html`,
      'latest/out/report.html',
      'audit/out/report.html',
      report.hash,
      report.hash.slice(0, 8).toUpperCase(),
    ]) {
      assert.deepEqual(await found(name), kept, name);
    }
    assert.deepEqual((await found('latest/report/report.html')).slice(0, 3), [
      run.runId,
      'report',
      'report.html',
    ]);
    assert.deepEqual((await found('audit/report/plots/'))[3], plots.hash);
    const [one] = [await found('latest/parse/1/a.txt')];
    assert.deepEqual(one.slice(0, 3), [run.runId, 'parse[1]', 'a.txt']);
    assert.deepEqual(await found('latest/parse[1]/a.txt'), one);
    assert.equal((await download(one[3]!)).toString(), 'a of 1');
  });

  it('says what there is when there is no such file', async () => {
    await refused('latest/out/reprot.html', Code.NotFound, /Did you mean "out\/report\.html"\?/);
    await refused(
      'audit/zzz',
      Code.NotFound,
      /It has parse\/0\/a\.txt, parse\/1\/a\.txt, report\/report\.html/,
    );
    await refused('nowhere/x', Code.NotFound, /neither a run nor a pipeline "nowhere"/);
    await refused('0123456789ab', Code.NotFound, /no file whose hash starts with 0123456789ab/);
    for (const name of ['', 'report.html', '/x', 'latest/', 'abc']) {
      await refused(name, Code.InvalidArgument, /names no file/);
    }
  });

  it('lists all files that the beginning of a hash fits', async () => {
    const other = await past.begin('collisions', [{ name: 'make' }]);
    const hashes = ['abcdef012345', 'abcdef018888'].map((start) => start.padEnd(64, '0'));
    await other.succeeded('make', {
      made: hashes.map((hash, i) => create(FileSchema, { name: `f${i}`, hash })),
    });
    await other.commit();
    await refused('abcdef01', Code.InvalidArgument, /abcdef0123450000 \(make\/f0 of .*abcdef0188880000/);
    assert.equal((await found('abcdef018'))[3], hashes[1]);
    await assert.rejects(download(hashes[0]!), { code: Code.NotFound });
  });

  it('gives content from any offset on, in pieces', async () => {
    const content = randomBytes(3_000_000);
    const { hash } = await past.files.putBytes(content);
    assert.ok(content.equals(await download(hash)));
    assert.ok(content.subarray(2_999_990).equals(await download(hash, '', 2_999_990)));
    assert.equal((await download(hash, '', 3_000_000)).length, 0);
    for (const offset of [3_000_001, -1, 0.5]) {
      await assert.rejects(download(hash, '', offset), { code: Code.InvalidArgument });
    }
    await assert.rejects(download('../../etc/passwd'), { code: Code.InvalidArgument });
    const abort = new AbortController();
    const stream = past.fileApi.downloadFile({ hash }, { signal: abort.signal });
    await assert.rejects(
      async () => {
        for await (const _ of stream) abort.abort();
      },
      { code: Code.Canceled },
    );
  });

  it('shows folders, and gives what is in them', async () => {
    const { entries } = await past.fileApi.listFolder({ hash: plots.hash });
    assert.deepEqual(
      entries.map(({ path, size, executable, link, hash }) => [path, size, executable, link, hash !== '']),
      [
        ['deep/empty', 0, false, '', false],
        ['deep/tool', 10, true, '', true],
        ['link', 10, true, 'deep/tool', true],
        ['short', 0, false, 'deep', false],
        ['ä.txt', 2, false, '', true],
      ],
    );
    assert.equal((await download(plots.hash, 'ä.txt')).toString(), 'ä');
    assert.equal((await download(plots.hash, 'short/tool')).toString(), '#!/bin/sh\n');
    await assert.rejects(download(plots.hash, 'deep'), { code: Code.InvalidArgument });
    await assert.rejects(download(plots.hash, 'none'), { code: Code.NotFound });
    await assert.rejects(download(plots.hash, '../x'), { code: Code.InvalidArgument });
    await assert.rejects(past.fileApi.listFolder({ hash: report.hash }), ConnectError);
    await assert.rejects(past.fileApi.listFolder({ hash: '0'.repeat(64) }), { code: Code.NotFound });
  });

  it('finds what the newest run of a pipeline left that left it, when later ones failed before', async () => {
    const first = await past.begin('newest', [{ name: 'make' }, { name: 'split', each: [1, 2] }]);
    first.expanded('split', 2);
    for (const index of [0, 1]) await first.succeeded(`split[${index}]`, { files: { 'p.txt': `p${index}` } });
    const [file] = await first.succeeded('make', { files: { 'deep.txt': 'first' } });
    await first.commit();
    const later = await past.begin('newest', [{ name: 'make' }]);
    const [other] = await later.succeeded('make', { files: { 'other.txt': 'later' } });
    await later.commit();
    assert.deepEqual(await found('newest/make/deep.txt'), [first.runId, 'make', 'deep.txt', file!.hash]);
    assert.deepEqual(await found('newest/make/other.txt'), [later.runId, 'make', 'other.txt', other!.hash]);
    for (const name of ['newest/split/1/p.txt', 'newest/split[1]/p.txt']) {
      assert.deepEqual((await found(name)).slice(0, 3), [first.runId, 'split[1]', 'p.txt']);
    }
    await refused('newest/make/none.txt', Code.NotFound, new RegExp(`${later.runId}.*"make/other.txt"`));
  });
});
