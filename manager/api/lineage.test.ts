import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Code } from '@connectrpc/connect';
import type { LineageStep } from '../../proto/gen/wiz/v1/files_pb.js';
import type { ProcessorSketch } from '../engine/run.fixture.ts';
import { openPast, type Past, type PastRun } from './past-runs.fixture.ts';

const THUMBNAILS: ProcessorSketch[] = [
  { name: 'list' },
  { name: 'shrink', needs: ['list'], each: [1, 2] },
  { name: 'sheet', needs: ['shrink'] },
  { name: 'mail', needs: ['sheet'] },
];

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const cached = (name: string, content: string) => ({
  key: sha(`key of ${name} ${content}`),
  parts: { [`file photos/${name}.jpg`]: sha(content), script: '0123456789abcdef' },
});

describe('lineage', () => {
  let past: Past;
  beforeEach(async () => {
    past = await openPast();
  });
  afterEach(() => past.close());

  /** list gives a value, shrink[i] reads a photo from disk and leaves a thumbnail, sheet joins them, mail reads it. */
  async function thumbnails(photos: [string, string]): Promise<PastRun> {
    const run = await past.begin('thumbnails', THUMBNAILS);
    await run.succeeded('list');
    run.expanded('shrink', 2);
    const inputs = [];
    for (const [i, photo] of photos.entries()) {
      const files = { [`${i}.png`]: `small ${photo}` };
      inputs.push(...(await run.succeeded(`shrink[${i}]`, { files, ...cached(String(i), photo) })));
    }
    run.instancesEnded('shrink');
    const sheet = await run.succeeded('sheet', { files: { 'sheet.png': photos.join() }, inputs });
    await run.succeeded('mail', { inputs: sheet, value: `a long mail about ${photos}` });
    run.kept([{ path: 'sheet.png', file: sheet[0]!, processor: 'sheet' }]);
    await run.commit();
    return run;
  }

  async function lineage(name: string, depth = 0): Promise<{ up: string[]; down: string[] }> {
    const { up, down } = await past.fileApi.getLineage({ name, depth });
    const told = ({ distance, processor, attempt, inputs, outputs }: LineageStep) =>
      `${distance} ${processor}#${attempt}: ${inputs.map((file) => file.name)} -> ${outputs.map((file) => file.name)}`;
    return { up: up.map(told), down: down.map(told) };
  }

  it('goes up through files, values and files on disk, and down to what was made of it', async () => {
    const run = await thumbnails(['cat', 'dog']);
    const { up, down } = await lineage('latest/sheet.png');
    assert.deepEqual(up, [
      '1 sheet#1: 0.png,1.png -> sheet.png',
      '2 shrink[0]#1: photos/0.jpg -> 0.png',
      '2 shrink[1]#1: photos/1.jpg -> 1.png',
      '3 list#1:  -> ',
    ]);
    assert.deepEqual(down, ['1 mail#1: sheet.png -> ']);
    assert.deepEqual((await lineage('latest/sheet.png', 1)).up, up.slice(0, 1));

    const { file, up: steps } = await past.fileApi.getLineage({ name: sha('small cat') });
    assert.equal(file?.processor, 'shrink[0]');
    assert.deepEqual(
      [steps[0]?.runId, steps[0]?.pipeline, steps[0]?.version, steps[0]?.paramsJson],
      [run.runId, 'thumbnails', 1, '{}'],
    );
    assert.ok(steps[0]!.endedUnixMs > run.run.createdMs);
  });

  it('tells which steps are joined by a value', async () => {
    await thumbnails(['cat', 'dog']);
    const { up, down } = await past.fileApi.getLineage({ name: 'latest/sheet.png' });
    const values = (steps: LineageStep[]) =>
      steps.map(({ byValue }) => byValue.map((at) => steps[at]?.processor));
    assert.deepEqual(values(up), [[], ['list'], ['list'], []]);
    assert.deepEqual(values(down), [[]]);
  });

  it('tells what a file on disk was used for, although no run left it', async () => {
    await thumbnails(['cat', 'dog']);
    const { up, down } = await lineage(sha('dog'));
    assert.deepEqual(up, []);
    assert.deepEqual(down, [
      '1 shrink[1]#1: photos/1.jpg -> 1.png',
      '2 sheet#1: 0.png,1.png -> sheet.png',
      '3 mail#1: sheet.png -> ',
    ]);
    const { file } = await past.fileApi.getLineage({ name: sha('dog') });
    assert.deepEqual([file?.file?.name, file?.file?.hash, file?.runId], ['photos/1.jpg', sha('dog'), '']);
    await assert.rejects(lineage(sha('bird')), { code: Code.NotFound });
  });

  it('points from a reused result to the attempt that made it', async () => {
    const first = await past.begin('thumbnails', THUMBNAILS);
    await first.succeeded('list');
    first.expanded('shrink', 2);
    const thumbnail = await first.succeeded('shrink[0]', {
      files: { '0.png': 'small cat' },
      ...cached('0', 'cat'),
    });
    await first.commit();

    const second = await past.begin('thumbnails', THUMBNAILS);
    await second.succeeded('list');
    second.expanded('shrink', 2);
    const inputs = second.reused('shrink[0]', first.run);
    inputs.push(...(await second.succeeded('shrink[1]', { files: { '1.png': 'small cow' } })));
    second.instancesEnded('shrink');
    await second.succeeded('sheet', { files: { 'sheet.png': 'cat,cow' }, inputs });
    await second.commit();

    const { up } = await past.fileApi.getLineage({ name: 'latest/sheet/sheet.png' });
    const runs = up.map(({ processor, runId }) => [processor, runId === first.runId ? 'first' : 'second']);
    assert.deepEqual(runs, [
      ['sheet', 'second'],
      ['shrink[0]', 'first'],
      ['shrink[1]', 'second'],
      ['list', 'first'],
      ['list', 'second'],
    ]);
    const down = (await lineage(thumbnail[0]!.hash)).down;
    assert.deepEqual(down, ['1 sheet#1: 0.png,1.png -> sheet.png']);
  });

  it('has no value where a file of a reused result leads', async () => {
    const pair: ProcessorSketch[] = [{ name: 'draw' }, { name: 'frame', needs: ['draw'] }];
    const first = await past.begin('pair', pair);
    await first.succeeded('draw', { files: { 'a.png': 'a cat' }, ...cached('a', 'cat') });
    await first.commit();
    const second = await past.begin('pair', pair);
    const inputs = second.reused('draw', first.run);
    await second.succeeded('frame', { files: { 'b.png': 'a framed cat' }, inputs });
    await second.commit();

    const { up } = await past.fileApi.getLineage({ name: 'latest/frame/b.png' });
    assert.deepEqual(
      up.map(({ processor, runId, byValue }) => [processor, runId, byValue.length]),
      [
        ['frame', second.runId, 0],
        ['draw', first.runId, 0],
      ],
    );
  });

  it('tells of a reused result by its own run when its maker is gone', async () => {
    const sketches = [{ name: 'make' }];
    const first = await past.begin('p', sketches);
    await first.succeeded('make', { files: { f: 'content' }, ...cached('x', 'y') });
    await first.commit();
    const second = await past.begin('p', sketches);
    second.reused('make', first.run);
    await second.commit();
    assert.deepEqual((await lineage('latest/make/f')).up, ['1 make#1: photos/x.jpg -> f']);
    assert.deepEqual(await past.store.deleteRuns([first.runId]), [first.runId]);
    assert.deepEqual((await lineage('latest/make/f')).up, ['1 make#0: photos/x.jpg -> f']);
    assert.deepEqual((await lineage(sha('y'))).down, ['1 make#0: photos/x.jpg -> f']);
  });

  it('goes from run to run, and ends where files are made of each other', async () => {
    const [a, b] = ['content a', 'content b'];
    const names = ['there', 'back', 'there'];
    let inputs: Awaited<ReturnType<PastRun['succeeded']>> = [];
    for (const [i, name] of names.entries()) {
      const run = await past.begin(name, [{ name }]);
      inputs = await run.succeeded(name, { files: { file: i % 2 === 0 ? a : b }, inputs });
      await run.commit();
    }
    // The third made again what the first had made.
    const { up, down } = await lineage('latest/there/file');
    assert.deepEqual(up, ['1 there#1: file -> file', '2 back#1: file -> file', '3 there#1:  -> file']);
    assert.deepEqual(down, ['1 back#1: file -> file', '2 there#1: file -> file']);
    assert.deepEqual((await lineage(sha(a))).up.length, 3);
  });
});
