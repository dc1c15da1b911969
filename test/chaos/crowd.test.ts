/** Several wiz on one state folder: crowds of them, and what holds it up. */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newPlace, until } from '../e2e/place.ts';
import { DIARY, linesOf, wholeStory } from './story.ts';

const place = newPlace();
after(() => place.leave());

place.write(
  'small.yaml',
  `name: small
processors:
  one:
    run: |
${DIARY.map((line) => `      ${line}\n`).join('')}
`,
);

/** Runs that each of two terminals starts, and how many of them at once. */
const RUNS_EACH = 20;
const AT_ONCE = 2;

test('two terminals start 20 runs each: none is lost, and one executor serves them all', async () => {
  const terminal = async () => {
    for (let n = 0; n < RUNS_EACH / AT_ONCE; n += 1) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => place.out(['run', 'small.yaml', '--detach'])));
    }
  };
  await Promise.all([terminal(), terminal()]);
  await until('all have ended', async () => {
    const running = await place.json(['runs', 'list', '--state', 'running']);
    return running.length === 0;
  });
  const runs: { runId: string; state: string }[] = await place.json(['runs', 'list', '--limit', '1000']);
  assert.equal(runs.length, 2 * RUNS_EACH);
  assert.ok(runs.every(({ state }) => state === 'RUN_STATE_SUCCEEDED'));
  const ids = linesOf(place, 'diary').map((line) => line.split(' ')[0]);
  assert.deepEqual([...new Set(ids)].sort(), runs.map(({ runId }) => runId).sort());
  assert.equal(ids.length, runs.length);
  assert.equal((await place.json(['executor', 'list'])).length, 1);
});

test('a store that another process locks for a while is waited for', async () => {
  const running = place.start(['run', 'small.yaml']);
  const lock = new DatabaseSync(join(place.home, 'wiz.db'));
  lock.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE');
  await sleep(1500);
  lock.exec('ROLLBACK');
  lock.close();
  assert.equal((await running.ended).code, 0);
});

test('the folder of a living executor is deleted: the run goes on, the next one has a new executor', async () => {
  place.write(
    'waits.yaml',
    `name: waits
processors:
  waits:
    run: |
${[...DIARY, 'until [ -e go ]; do sleep 0.05; done'].map((line) => `      ${line}\n`).join('')}
  next:
    needs: waits
    run: |
${DIARY.map((line) => `      ${line}\n`).join('')}
`,
  );
  const running = place.start(['run', 'waits.yaml']);
  const [runId] = await running.prints(/\w{27}/);
  await until('it waits', () => linesOf(place, 'diary').some((line) => line.startsWith(`${runId} waits`)));
  const before: { executorId: string }[] = await place.json(['executor', 'list']);
  rmSync(join(place.home, 'executors'), { recursive: true });
  place.write('go', '');
  const { run } = await wholeStory(place, runId);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  assert.equal((await running.ended).code, 0);

  assert.match(await place.out(['run', 'small.yaml']), /^Succeeded/m);
  const now: { executorId: string }[] = await place.json(['executor', 'list']);
  assert.notEqual(now.at(-1)!.executorId, before[0]!.executorId);
  assert.ok(existsSync(join(place.home, 'executors')));
});
