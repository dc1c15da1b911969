import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../proto/ids.ts';
import { spreadOver } from './spread.ts';
import { SHARDS, shardOf } from './store/shard.ts';

const managers = (count: number) => Array.from({ length: count }, () => newId());

test('shards of run ids are spread evenly', () => {
  const counts = new Array<number>(SHARDS).fill(0);
  const RUNS = 100_000;
  for (let i = 0; i < RUNS; i++) counts[shardOf(newId())]! += 1;
  // About 98 each; six standard deviations.
  assert.ok(
    Math.min(...counts) > 38 && Math.max(...counts) < 160,
    `${Math.min(...counts)} ${Math.max(...counts)}`,
  );
});

test('managers share the shards about evenly, in whatever order they are named', () => {
  const ids = managers(5);
  const spread = spreadOver(ids);
  const shares = ids.map((id) => spread.shardsOf(id).length);
  assert.equal(
    shares.reduce((sum, share) => sum + share, 0),
    SHARDS,
  );
  assert.ok(Math.min(...shares) > 120 && Math.max(...shares) < 300, `${shares}`);
  const turned = spreadOver(ids.toReversed());
  for (let i = 0; i < 1000; i++) {
    const runId = newId();
    assert.equal(turned.ownerOf(runId), spread.ownerOf(runId));
    assert.ok(spread.shardsOf(spread.ownerOf(runId)!).includes(shardOf(runId)));
  }
});

test('a manager that joins takes its share and moves nothing else; one that leaves gives only its own', () => {
  const ids = managers(4);
  const [before, after] = [spreadOver(ids.slice(0, 3)), spreadOver(ids)];
  let moved = 0;
  for (let i = 0; i < 10_000; i++) {
    const runId = newId();
    if (before.ownerOf(runId) === after.ownerOf(runId)) continue;
    assert.equal(after.ownerOf(runId), ids[3]);
    moved += 1;
  }
  assert.ok(moved > 1_500 && moved < 3_500, `${moved} of 10,000 moved`);
});

test('without managers a run belongs to nobody', () => {
  assert.equal(spreadOver([]).ownerOf(newId()), undefined);
  assert.deepEqual(spreadOver([newId()]).shardsOf('another'), []);
});
