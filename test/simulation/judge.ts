import assert from 'node:assert/strict';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { expectedEnd, type Fate, keptOf } from './reference.ts';
import type { JournalRules } from './rules.ts';
import type { SimulatedRun } from './scenario.ts';

/** How the life of a run before its present one ended. */
const before = new WeakMap<JournalRules, { life: number; fates: Map<string, Fate> }[]>();

/** Compares a run that ended with what the reference says. In order of its lives; a life that was judged
 *  is not judged again, as the processors may have been mended since. */
export function judgeRun(run: SimulatedRun, rules: JournalRules): void {
  const { runId, tasks } = run;
  assert.notEqual(rules.state, RunState.RUNNING, `${runId} never ends`);
  const lives = before.get(rules) ?? [];
  before.set(rules, lives);
  if (lives.at(-1)?.life === rules.resumed) return;
  const last = lives.at(-1);
  const done =
    last === undefined
      ? new Map<string, Fate>()
      : keptOf(tasks, last.fates, rules.resumedFrom, rules.resumedNamed);
  const expected = expectedEnd(tasks, done);
  const fates = new Map([...rules.processors.values()].map(({ name, fate }) => [name, fate!]));
  const where = `${runId}, life ${rules.resumed + 1}`;

  let cut = false;
  const cutShort = (owner: string) =>
    tasks.some((task) => task.name === owner && task.failFast) && expected.fates.get(owner) === 'failed';
  for (const { name, owner, fate, tries } of rules.processors.values()) {
    // Which of them had ended when one failed fast is a matter of time; those of a life that was cancelled, of when.
    if (owner !== '' && (cutShort(owner) || fates.get(owner) === 'cancelled')) continue;
    if (owner !== '' && fates.get(owner) !== 'failed' && !tasksRan(fates.get(owner))) continue;
    if (fate === 'cancelled') {
      assert.ok(rules.cancelRequested, `${where}: ${name} was cancelled by nobody`);
      cut = true;
    } else {
      assert.equal(fate, expected.fates.get(name), `${where}: how ${name} ended`);
      assert.equal(tries, expected.tries.get(name) ?? 0, `${where}: tries of ${name}`);
    }
  }
  const failed = [...fates.values()].includes('failed');
  if (rules.cancelRequested && (cut || failed)) {
    assert.deepEqual([rules.state, rules.reason], [RunState.FAILED, 'cancelled'], where);
  } else {
    const state = expected.succeeded ? RunState.SUCCEEDED : RunState.FAILED;
    assert.equal(rules.state, state, `${where}: how the run ended`);
  }
  lives.push({ life: rules.resumed, fates: fates as Map<string, Fate> });
}

/** Instances of a processor that did not come to its turn in this life are those of an earlier one. */
function tasksRan(fate: Fate | 'cancelled' | undefined): boolean {
  return fate === 'succeeded' || fate === 'warned';
}
