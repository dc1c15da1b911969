/** kill -9 of the wiz that owns a run, at any moment: the run is taken over and completes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newPlace } from '../e2e/place.ts';
import { allEnd, DIARY, linesOf, wholeStory } from './story.ts';

/** More of both for a long search: CHAOS_ROUNDS=200 CHAOS_SEED=7. */
const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 5);
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
/** Milliseconds from the start of wiz within which the random kills fall: until after the first layer has ended. */
const WINDOW_MS = 1200;

const place = newPlace();
place.environment.WIZ_WARM = '1';
place.environment.WIZ_SLOTS = '6';
// A wiz that is killed between the last commit of a run and its acknowledgement leaves a report with the executor.
place.environment.WIZ_ORPHAN = '15';
after(() => place.leave());

const LAYERS = [10, 1, 9, 1, 9];
place.write(
  'layers.yaml',
  `name: layers
processors:
${LAYERS.flatMap((width, layer) =>
  Array.from({ length: width }, (_, n) => {
    const above = Array.from({ length: LAYERS[layer - 1] ?? 0 }, (_, m) => `l${layer - 1}n${m}`);
    return `  l${layer}n${n}:
    needs: [${above}]
    run: |
${[...DIARY, 'sleep 0.05', 'echo done'].map((line) => `      ${line}\n`).join('')}`;
  }),
).join('')}`,
);

/** Starts the run, kills wiz when `moment` says so, and hears out the end of what was started. */
async function killAt(moment: (running: ReturnType<typeof place.start>) => Promise<unknown>): Promise<void> {
  const [before] = await place.json(['runs', 'list', '--limit', '1']);
  const running = place.start(['run', 'layers.yaml', '--json']);
  await Promise.race([moment(running), running.ended]);
  running.child.kill('SIGKILL');
  await running.ended;
  const [last] = await place.json(['runs', 'list', '--limit', '1']);
  if (last?.runId === before?.runId) {
    // Killed before the run was stored: then nothing of it may have run. Ids sort by time.
    assert.ok(linesOf(place, 'diary').every((line) => line.split(' ')[0]! <= last?.runId));
    return;
  }
  const { run, processors } = await wholeStory(place, last.runId);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  // Nobody killed an executor: what ran when wiz died went on. Only what had not reached the executor is lost.
  for (const { name, attempts = [] } of processors) {
    for (const { attempt, reason, failureClass } of attempts.slice(0, -1)) {
      assert.deepEqual([reason, failureClass], ['lost', 'FAILURE_CLASS_INFRA'], name);
      assert.ok(
        !linesOf(place, 'diary').includes(`${run.runId} ${name} ${attempt}`),
        `${name} was lost and ran`,
      );
    }
  }
}

test('between its events', async () => {
  for (const events of [1, 2, 12, 30]) {
    await killAt(async ({ child }) => {
      let lines = 0;
      while (lines < events) lines += String((await once(child.stdout!, 'data'))[0]).split('\n').length - 1;
    });
  }
});

test(`at random moments (CHAOS_SEED=${SEED})`, async (t) => {
  let state = SEED;
  // A linear congruential generator (Numerical Recipes) is random enough for moments.
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const ms = Math.round(random() * WINDOW_MS);
    t.diagnostic(`round ${round}: after ${ms} ms`);
    await killAt(() => sleep(ms));
  }
});

test('in the end nothing is left, and the next run clears up after those that were killed while they started', async () => {
  await allEnd(place);
  // Folders of executors that were never told of are left alone as long as somebody may be about to.
  const folder = join(place.home, 'executors');
  for (const name of readdirSync(folder)) utimesSync(join(folder, name), 0, 0);
  assert.match(await place.out(['run', 'layers.yaml']), /^Succeeded/m);
  assert.equal(readdirSync(folder).length, 1);
});
