import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Store } from '../store.ts';
import { pipeline } from './rows.ts';

export function pipelineTests(store: () => Store): void {
  it('counts versions from 1 and adds none for an equal spec', async () => {
    const first = await store().applyPipelines([pipeline('a', '{"v":1}')], 1_000, false);
    assert.deepEqual(first, [{ name: 'a', version: 1, before: undefined, changed: true }]);
    const [again] = await store().applyPipelines([pipeline('a', '{"v":1}')], 2_000, false);
    assert.equal(again?.changed, false);
    assert.equal(again?.version, 1);
    const [second] = await store().applyPipelines([pipeline('a', '{"v":2}')], 3_000, false);
    assert.equal(second?.version, 2);
    assert.equal(second?.before?.specJson, '{"v":1}');
    assert.deepEqual(
      (await store().listPipelineVersions('a')).map((version) => version.version),
      [2, 1],
    );
  });

  it('gives back what was applied', async () => {
    const wanted = pipeline('a', '{"v":1}');
    await store().applyPipelines([wanted], 1_000, false);
    assert.deepEqual(await store().getPipeline('a', 0), { ...wanted, version: 1, createdMs: 1_000 });
  });

  it('lists the newest of each by name, and finds a version', async () => {
    await store().applyPipelines([pipeline('b', '1'), pipeline('a', '1')], 1, false);
    await store().applyPipelines([pipeline('b', '2')], 2, false);
    const listed = await store().listPipelines();
    assert.deepEqual(
      listed.map(({ name, version }) => [name, version]),
      [
        ['a', 1],
        ['b', 2],
      ],
    );
    assert.equal((await store().getPipeline('b', 1))?.specJson, '1');
    assert.equal((await store().getPipeline('b', 0))?.specJson, '2');
    assert.equal(await store().getPipeline('b', 3), undefined);
    assert.equal(await store().getPipeline('c', 0), undefined);
  });

  it('stores nothing in a dry run and says what would be', async () => {
    await store().applyPipelines([pipeline('a', '1')], 1, false);
    const dry = await store().applyPipelines([pipeline('a', '2'), pipeline('b', '1')], 2, true);
    assert.deepEqual(
      dry.map(({ version, changed }) => [version, changed]),
      [
        [2, true],
        [1, true],
      ],
    );
    assert.equal((await store().getPipeline('a', 0))?.version, 1);
    assert.equal(await store().getPipeline('b', 0), undefined);
  });

  it('goes on counting after a delete', async () => {
    await store().applyPipelines([pipeline('a', '1')], 1, false);
    await store().applyPipelines([pipeline('a', '2')], 2, false);
    assert.equal(await store().deletePipeline('a', 3), 2);
    assert.equal(await store().deletePipeline('a', 3), 0);
    assert.equal(await store().getPipeline('a', 0), undefined);
    assert.equal(await store().getPipeline('a', 1), undefined);
    assert.deepEqual(await store().listPipelines(), []);
    const [back] = await store().applyPipelines([pipeline('a', '2')], 4, false);
    assert.deepEqual(back, { name: 'a', version: 3, before: undefined, changed: true });
  });

  it('gives two that apply at once one version each', async () => {
    const answers = await Promise.all(
      ['1', '2', '3'].map((spec) => store().applyPipelines([pipeline('a', spec)], 1, false)),
    );
    assert.deepEqual(answers.map(([answer]) => answer?.version).sort(), [1, 2, 3]);
  });
}
