import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decide, decideManual, LATE_MS, MOST_WAITING, type Policy, type ScheduleState } from './decide.ts';
import { fireTimes } from './times.ts';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 1) });

const HOUR = 3_600_000;
const times = fireTimes({ kind: 'every', everyMs: HOUR }, 'UTC');

const state = (change: Partial<ScheduleState> = {}): ScheduleState => ({
  nextMs: 10 * HOUR,
  waiting: [],
  lastMs: 0,
  lastOutcome: '',
  lastRunId: '',
  paused: false,
  ...change,
});
const policy = (overlap: Policy['overlap'], catchUp: Policy['catchUp'] = 'last'): Policy => ({
  overlap,
  catchUp,
});
const at = (hours: number, runs = false) => ({ nowMs: hours * HOUR, runs });

describe('on time', () => {
  test('it starts, and the next time is the one after', () => {
    assert.equal(decide(state(), policy('skip'), times, at(9.99)), undefined);
    const { start, set } = decide(state(), policy('skip'), times, at(10))!;
    assert.equal(start, 10 * HOUR);
    assert.deepEqual(set, { nextMs: 11 * HOUR, waiting: [], lastMs: 10 * HOUR, lastOutcome: 'started' });
  });
  test('one that is paused does not fire', () => {
    assert.equal(decide(state({ paused: true, waiting: [1] }), policy('skip'), times, at(20)), undefined);
  });
});

describe('while the run before goes on', () => {
  test('skip leaves it out', () => {
    const { start, cancel, set } = decide(state({ lastRunId: 'r' }), policy('skip'), times, at(10, true))!;
    assert.deepEqual([start, cancel, set.waiting], [undefined, false, []]);
    assert.equal(set.lastOutcome, 'skipped: run r went on');
  });
  test('queue keeps it until that has ended', () => {
    const first = decide(state({ lastRunId: 'r' }), policy('queue'), times, at(10, true))!;
    assert.deepEqual([first.start, first.set.waiting], [undefined, [10 * HOUR]]);
    const second = decide(state(first.set), policy('queue'), times, at(11, true))!;
    assert.deepEqual(second.set.waiting, [10 * HOUR, 11 * HOUR]);
    assert.equal(decide(state(second.set), policy('queue'), times, at(11.5, true)), undefined);
    const third = decide(state(second.set), policy('queue'), times, at(11.5))!;
    assert.deepEqual([third.start, third.set.waiting], [10 * HOUR, [11 * HOUR]]);
  });
  test('replace cancels that, and starts the newest when it has ended', () => {
    const first = decide(state({ lastRunId: 'r' }), policy('replace'), times, at(10, true))!;
    assert.deepEqual([first.start, first.cancel, first.set.waiting], [undefined, true, [10 * HOUR]]);
    // Asked again as long as it goes on: whoever asked may have died before.
    assert.equal(decide(state(first.set), policy('replace'), times, at(10.1, true))!.cancel, true);
    const second = decide(state(first.set), policy('replace'), times, at(11, true))!;
    assert.deepEqual(second.set.waiting, [11 * HOUR]);
    assert.equal(decide(state(second.set), policy('replace'), times, at(11.1))!.start, 11 * HOUR);
  });
});

describe('after three days without a manager', () => {
  const now = at(10 + 72.5);
  test('none makes up for nothing, unless the last is as good as on time', () => {
    const { start, set } = decide(state(), policy('skip', 'none'), times, now)!;
    assert.deepEqual([start, set.nextMs, set.waiting], [undefined, 83 * HOUR, []]);
    assert.match(set.lastOutcome, /^missed/);
    const soon = { nowMs: 82 * HOUR + LATE_MS, runs: false };
    assert.equal(decide(state(), policy('skip', 'none'), times, soon)!.start, 82 * HOUR);
  });
  test('last makes up for the last', () => {
    const { start, set } = decide(state(), policy('skip', 'last'), times, now)!;
    assert.deepEqual([start, set.nextMs, set.waiting], [82 * HOUR, 83 * HOUR, []]);
  });
  test('all makes up for each, one after the other', () => {
    const { start, set } = decide(state(), policy('skip', 'all'), times, now)!;
    assert.equal(start, 10 * HOUR);
    assert.deepEqual(
      set.waiting,
      Array.from({ length: 72 }, (_, i) => (11 + i) * HOUR),
    );
    const next = decide(state(set), policy('skip', 'all'), times, at(83, true))!;
    assert.match(next.set.lastOutcome, /^skipped/);
    assert.equal(next.set.waiting.length, 72);
  });
  test('and of more than a hundred the newest', () => {
    const { start, set } = decide(state(), policy('skip', 'all'), times, at(10 + 300))!;
    assert.equal(start, (310 - MOST_WAITING + 1) * HOUR);
    assert.equal(set.waiting.length, MOST_WAITING - 1);
  });
});

test('a fire by hand keeps to the overlap, and leaves the times as they are', () => {
  assert.equal(decideManual(state(), policy('skip'), at(9.5, true)), undefined);
  const { start, set } = decideManual(state(), policy('skip'), at(9.5))!;
  assert.deepEqual([start, set.nextMs], [9.5 * HOUR, 10 * HOUR]);
  assert.deepEqual(decideManual(state(), policy('queue'), at(9.5, true))!.set.waiting, [9.5 * HOUR]);
  assert.equal(decideManual(state({ lastRunId: 'r' }), policy('replace'), at(9.5, true))!.cancel, true);
});

/**
 * A manager that looks now and then, is away now and then, and runs that take their time, against what the policy promises
 * of each scheduled time, worked out without any of it.
 */
test('looks and outages at any time: each time fires once or is accounted for', () => {
  const MIN = 60_000;
  const scenario = fc.record({
    overlap: fc.constantFrom('skip', 'queue', 'replace') as fc.Arbitrary<Policy['overlap']>,
    catchUp: fc.constantFrom('none', 'last', 'all') as fc.Arbitrary<Policy['catchUp']>,
    // Minutes between looks; a long one is an outage.
    gaps: fc.array(fc.oneof({ weight: 8, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(3000) }), {
      minLength: 5,
      maxLength: 60,
    }),
    // Minutes that runs take, in turn.
    takes: fc.array(fc.nat(200), { minLength: 1, maxLength: 5 }),
  });
  fc.assert(
    fc.property(scenario, ({ overlap, catchUp, gaps, takes }) => {
      let now = 0;
      let current = state({ nextMs: times.next(0) });
      let runEnds = 0;
      const started: number[] = [];
      for (const gap of gaps) {
        const before = now;
        now += gap * MIN;
        for (;;) {
          const runs = runEnds > now;
          const decision = decide(current, { overlap, catchUp }, times, { nowMs: now, runs });
          if (decision === undefined) break;
          if (decision.start !== undefined) {
            assert.equal(runs, false, 'no two at once');
            started.push(decision.start);
            runEnds = now + takes[started.length % takes.length]! * MIN;
          }
          if (decision.cancel) runEnds = Math.min(runEnds, now + MIN);
          current = { ...current, ...decision.set, lastRunId: `r${started.length}` };
          assert.ok(current.nextMs > now, 'the next time is ahead');
          assert.ok(current.waiting.length <= MOST_WAITING);
          if (decision.start === undefined) break;
        }
        // What came due in this gap, and what must have come of it.
        const due = times.between(before, now, 1e6);
        const kept = new Set([...started, ...current.waiting]);
        const last = due.at(-1);
        if (last === undefined) continue;
        if (catchUp === 'all' && overlap === 'queue' && due.length + current.waiting.length < MOST_WAITING) {
          for (const time of due) assert.ok(kept.has(time), 'none is lost');
        }
        if (catchUp === 'last' && overlap === 'queue' && current.waiting.length < MOST_WAITING) {
          assert.ok(kept.has(last));
        }
        if (catchUp !== 'all') for (const time of due.slice(0, -1)) assert.ok(!kept.has(time));
        if (catchUp === 'none' && now - last > LATE_MS) assert.ok(!kept.has(last));
      }
      assert.equal(new Set(started).size, started.length, 'none fires twice');
      assert.deepEqual(
        started,
        started.toSorted((a, b) => a - b),
        'in their order',
      );
      for (const time of started) assert.equal(time % HOUR, 0);
    }),
    { numRuns: 400 },
  );
});
