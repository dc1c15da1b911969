import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createStaging } from './staging.ts';

function stagingIn(t: TestContext, own: boolean) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-staging-'));
  t.after(() => fs.rmSync(root, { recursive: true, force: true }));
  const folder = path.join(root, 'runs');
  const gone: string[] = [];
  return {
    folder,
    gone,
    staging: createStaging({ folder, executorId: 'e1', own, gone: (at) => gone.push(at) }),
  };
}

test('a run has a folder of its own on each executor, until it ends', async (t) => {
  const { folder, gone, staging } = stagingIn(t, false);
  const at = staging.of('r1');
  assert.equal(at, path.join(folder, 'r1/e1'));
  assert.equal(fs.statSync(at).mode & 0o777, 0o700);
  fs.mkdirSync(path.join(at, 'locked'));
  fs.writeFileSync(path.join(at, 'locked/file'), '');
  fs.chmodSync(path.join(at, 'locked'), 0o500);
  const ending = staging.end('r1', false);
  assert.deepEqual(gone, [at]);
  assert.deepEqual(fs.readdirSync(staging.of('r1')), [], 'one that comes meanwhile has a new one');
  await ending;
  assert.deepEqual(fs.readdirSync(path.join(folder, 'r1')), ['e1']);
  await staging.end('r1', false);
  assert.deepEqual(fs.readdirSync(folder), []);
  await staging.end('never-seen', false);
});

test('what is kept stays, and is there for a later attempt', async (t) => {
  const { staging } = stagingIn(t, false);
  fs.writeFileSync(path.join(staging.of('r1'), 'file'), 'kept');
  await staging.end('r1', true);
  assert.equal(fs.readFileSync(path.join(staging.of('r1'), 'file'), 'utf8'), 'kept');
  await staging.close();
  assert.ok(fs.existsSync(path.join(staging.of('r1'), 'file')), 'it belongs to whoever gave the folder');
});

test('an own folder goes with the executor', async (t) => {
  const { folder, staging } = stagingIn(t, true);
  staging.of('r1');
  await staging.close();
  assert.ok(!fs.existsSync(folder));
});

test('an id that could leave the folder is refused', async (t) => {
  const { staging } = stagingIn(t, true);
  for (const id of ['..', '../x', '', 'a/b', 'a\0']) {
    assert.throws(() => staging.of(id), { reason: 'bad-options' });
    await assert.rejects(staging.end(id, false), { reason: 'bad-options' });
  }
});
