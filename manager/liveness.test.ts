import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLiveness } from './liveness.ts';
import { manager } from './store/conformance/rows.ts';
import type { ManagerRow } from './store/store.ts';

const [BEAT_MS, TTL_MS] = [1000, 10_000];

/** Managers that beat, seen from one of them. */
function watched() {
  let steady = 5;
  let clock = 1_700_000_000_000;
  let hours = 0;
  const gone = new Set<number>();
  const rows = new Map<string, ManagerRow>();
  const liveness = createLiveness({
    managerId: 'me',
    machine: 'here',
    heartbeatMs: BEAT_MS,
    steady: () => steady,
    clock: () => clock + hours * 3_600_000,
    isProcess: (pid) => !gone.has(pid),
  });
  const beat = (managerId: string, change: Partial<ManagerRow> = {}) => {
    const heartbeatMs = clock + hours * 3_600_000;
    rows.set(managerId, manager(managerId, { heartbeatMs, expiresMs: heartbeatMs + TTL_MS, ...change }));
  };
  return {
    beat,
    gone,
    setClock(by: number): void {
      hours = by;
    },
    /** Milliseconds pass; returns who is dead then. */
    after(ms: number): string[] {
      steady += ms;
      clock += ms;
      return liveness.deadOf([...rows.values()]).map(({ managerId }) => managerId);
    },
  };
}

test('one that is silent for as long as it promised is dead; one that beats is not', () => {
  const { beat, after } = watched();
  const deaths: number[] = [];
  beat('silent');
  for (let s = 0; s <= 12; s++) {
    beat('beats');
    for (const id of after(BEAT_MS)) {
      assert.equal(id, 'silent');
      deaths.push(s);
    }
  }
  assert.equal(deaths[0], 10);
});

test('a process that is gone is seen at once, on the same machine only', () => {
  const { beat, gone, after } = watched();
  beat('here', { machine: 'here', pid: 7 });
  beat('elsewhere', { machine: 'there', pid: 7 });
  assert.deepEqual(after(0), []);
  gone.add(7);
  assert.deepEqual(after(1), ['here']);
});

test('a clock that is set, forth or back, kills nobody', () => {
  for (const hours of [5, -5]) {
    const { beat, setClock, after } = watched();
    beat('other');
    for (let s = 0; s < 5; s++) {
      beat('other');
      assert.deepEqual(after(BEAT_MS), []);
    }
    setClock(hours);
    for (let s = 0; s < 20; s++) {
      assert.deepEqual(after(BEAT_MS), [], `clock set by ${hours} hours`);
      beat('other');
    }
  }
});

test('clocks that differ by hours do not matter', () => {
  const { beat, setClock, after } = watched();
  for (let s = 0; s < 20; s++) {
    // Written by one whose clock is behind.
    setClock(-3);
    beat('behind');
    setClock(0);
    assert.deepEqual(after(BEAT_MS), []);
  }
});

test('whoever stood still itself does not take that for the silence of others', () => {
  const { beat, after } = watched();
  beat('other');
  assert.deepEqual(after(BEAT_MS), []);
  // Both stood still: nothing has changed when it looks again.
  assert.deepEqual(after(60_000), []);
  beat('other');
  assert.deepEqual(after(BEAT_MS), []);
});

test('a row that is long out of date at first sight is dead after a few heartbeats more', () => {
  const { beat, setClock, after } = watched();
  setClock(-1);
  beat('old');
  setClock(0);
  const dead = [after(BEAT_MS), after(BEAT_MS), after(BEAT_MS), after(BEAT_MS)];
  assert.deepEqual(dead, [[], [], [], ['old']]);
});
