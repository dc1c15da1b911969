/**
 * The engine as it is, in a simulated world, against a reference scheduler.
 *
 *   npm test -- simulation --seeds 20000    more worlds than the usual 2,000 (or WIZ_SEEDS=20000)
 *   WIZ_SEED=17 npm test -- simulation      one world alone
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseArgs } from 'node:util';
import { simulate } from './world.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string' } }, strict: false });
const count = Number(values.seeds ?? process.env.WIZ_SEEDS ?? 2000);
const first = Number(process.env.WIZ_SEED ?? 1);
const last = process.env.WIZ_SEED === undefined ? count : first;
/** Seeds that are simulated twice. */
const TWICE = 50;
/** Failures that are told before it gives up. */
const TOLD = 3;

test(`${last - first + 1} simulated worlds keep every rule and end as the reference says`, async () => {
  const failures: string[] = [];
  const happened = new Map<string, number>();
  for (let seed = first; seed <= last && failures.length < TOLD; seed++) {
    try {
      const outcome = await simulate(seed);
      for (const [what, times] of outcome.happened) happened.set(what, (happened.get(what) ?? 0) + times);
    } catch (error) {
      failures.push(tell(seed, error as Error));
    }
  }
  assert.equal(failures.length, 0, `\n${failures.join('\n\n')}`);
  if (last - first < 1000) return;
  // A world in which nothing goes wrong shows nothing.
  const rare = [
    ...['manager died', 'taken over', 'fenced', 'store failed', 'executor died', 'session broke'],
    ...['forged report', 'doubled report', 'cancel', 'resumed', 'handed over'],
    ...['skips', 'reused', 'expanded', 'instance prepared'],
  ].filter((what) => (happened.get(what) ?? 0) < 50);
  assert.deepEqual(rare, [], 'what hardly ever happened');
});

test('a seed always makes the same world', async () => {
  for (let seed = first; seed <= Math.min(last, first + TWICE); seed++) {
    const { trace } = await simulate(seed);
    assert.equal((await simulate(seed)).trace, trace, `seed ${seed}`);
  }
});

function tell(seed: number, error: Error): string {
  // The first lines say it; the rest are whole machines.
  const said = (error.stack ?? String(error)).split('\n').slice(0, 25).join('\n');
  return `Seed ${seed} fails; alone: WIZ_SEED=${seed} npm test -- simulation\n${said}`;
}
