import assert from 'node:assert/strict';
import test from 'node:test';
import { newRun, type ProcessorSketch, pipeline, program, report } from './run.fixture.ts';
import type { RunMachine } from './run.ts';
import { CALLS_IN_FLIGHT, type ExecutorLoad, freeRoom, isAhead, newLoad, schedule } from './schedule.ts';
import { attemptReported, cancelRun } from './transitions.ts';

const NOW = 5000;
const load = newLoad;
const many = (count: number, sketch: Partial<ProcessorSketch> = {}) =>
  Array.from({ length: count }, (_, i) => ({ name: `p${i}`, ...sketch }));
const placed = (runs: RunMachine[], executors: ExecutorLoad[], permits = Number.POSITIVE_INFINITY) =>
  schedule(runs, executors, permits, NOW).map(({ run, task, executorId }) => [
    run.runId,
    task.name,
    executorId,
  ]);

test('what is earlier in the file starts first, each on the executor with the most room', () => {
  const run = newRun(pipeline(many(5, { action: program })));
  const executors = [load('small', 1), load('large', 3)];
  assert.deepEqual(
    placed([run], executors).map(([, name, executorId]) => [name, executorId]),
    [
      ['p0', 'large'],
      ['p1', 'large'],
      ['p2', 'small'],
      ['p3', 'large'],
    ],
  );
  assert.deepEqual(executors, [
    { ...load('small', 1), program: 1 },
    { ...load('large', 3), program: 3 },
  ]);
  assert.deepEqual(placed([run], executors), []);
  assert.equal(run.ready.size(), 1);
});

test('a bundled processor takes no slot, and is bounded by what may be in flight', () => {
  const run = newRun(pipeline([...many(2, { action: program }), { name: 'call' }]));
  const full = { ...load('e', 1), program: 1 };
  assert.deepEqual(placed([run], [full]), [['run', 'call', 'e']]);
  const wide = newRun(pipeline(many(CALLS_IN_FLIGHT + 10)));
  assert.equal(placed([wide], [load('e', 1)]).length, CALLS_IN_FLIGHT);
});

test('runs take turns: a wide one does not starve a small one', () => {
  const wide = newRun(pipeline(many(10, { action: program })), 'wide');
  const small = newRun(pipeline(many(1, { action: program })), 'small');
  assert.deepEqual(
    placed([wide, small], [load('e', 3)]).map(([runId, name]) => [runId, name]),
    [
      ['wide', 'p0'],
      ['small', 'p0'],
      ['wide', 'p1'],
    ],
  );
});

test('no more of a run at once than its concurrency, over all lanes, and than there are permits', () => {
  const run = newRun(pipeline([...many(3, { action: program }), { name: 'call' }], { concurrency: 2 }));
  assert.equal(placed([run], [load('e', 8)]).length, 2);
  assert.equal(placed([run], [load('e', 8)]).length, 0);
  attemptReported(run, report('p0', 1), 'e', 1, NOW, () => 0);
  assert.equal(placed([run], [load('e', 8)]).length, 1);
  assert.equal(placed([newRun(pipeline(many(9)))], [load('e', 1)], 4).length, 4);
});

test('what was cancelled while it was ready is not started, and is not counted as ready', () => {
  const run = newRun(pipeline(many(3)));
  cancelRun(run, '', NOW);
  assert.equal(run.ready.size(), 0);
  assert.deepEqual(placed([run], [load('e', 1)]), []);
});

test('without an executor nothing starts', () => {
  const run = newRun(pipeline(many(3)));
  assert.deepEqual(placed([run], []), []);
  assert.equal(run.ready.size(), 3);
});

test('short programs are sent ahead, enough for a few milliseconds; longer ones are not', () => {
  const executor = load('e1', 2);
  const loads = new Map([['e1', executor]]);
  const run = newRun(pipeline(many(9, { action: program })));
  assert.equal(placed([run], [executor]).length, 2);
  const node = run.graph.getNodeAttributes('p0');
  freeRoom(loads, 'e1', node, 4);
  assert.equal(placed([run], [executor]).length, 5, 'six in flight on two slots');
  assert.ok(isAhead(executor));
  freeRoom(loads, 'e1', node, 60_000);
  freeRoom(loads, 'e1', node, 60_000);
  assert.equal(placed([run], [executor]).length, 0, 'no more than slots');
});
