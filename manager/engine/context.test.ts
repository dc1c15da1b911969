import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { failure, newRun, type ProcessorSketch, pipeline, report } from './run.fixture.ts';
import { attemptReported, settleRun, startAttempt } from './transitions.ts';

/**
 * Runs a pipeline to its end, what is ready in the order in which it became so. A processor adds to the context what
 * `adds` has under its name, and fails when it is among `failing`. Returns what each inherited, and the warnings.
 */
function inherited(
  processors: ProcessorSketch[],
  adds: Record<string, Record<string, string>>,
  { context = {}, failing = [] as string[] } = {},
) {
  const run = newRun(pipeline(processors, { context }));
  for (;;) {
    const task = run.ready.take('call');
    if (task === undefined) break;
    startAttempt(run, task, 'e1', 0);
    const told = failing.includes(task.name)
      ? failure(task.name, 1)
      : report(task.name, 1, { context: adds[task.name] ?? {} });
    attemptReported(run, told, 'e1', run.epoch, 0, () => 0);
    settleRun(run, 0);
  }
  assert.notEqual(run.state, RunState.RUNNING);
  const contexts = Object.fromEntries(
    processors.map(({ name }) => [name, run.graph.getNodeAttributes(name).context]),
  );
  return { contexts, warnings: run.warnings };
}

test('a branch that only hands a value on does not undo the change of another', () => {
  const base = [{ name: 'base' }, { name: 'left', needs: ['base'] }, { name: 'right', needs: ['base'] }];
  for (const needs of [
    ['left', 'right'],
    ['right', 'left'],
  ]) {
    const { contexts, warnings } = inherited([...base, { name: 'join', needs }], {
      base: { K: 'base', OTHER: 'base' },
      left: { K: 'left' },
    });
    assert.deepEqual([contexts.join, warnings], [{ K: 'left', OTHER: 'base' }, []]);
  }
});

test('a change back to what the run had is a change', () => {
  const { contexts, warnings } = inherited(
    [{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c', needs: ['b', 'a'] }],
    { a: { K: 'a' }, b: { K: 'start' } },
    { context: { K: 'start' } },
  );
  assert.deepEqual([contexts.c, warnings], [{ K: 'start' }, []]);
});

test('of two that do not depend on each other the later in the graph wins, through whatever branches it comes', () => {
  const { contexts, warnings } = inherited(
    [
      { name: 'join', needs: ['second', 'afterFirst'] },
      { name: 'first' },
      { name: 'second' },
      { name: 'afterFirst', needs: ['first'] },
      { name: 'end', needs: ['join', 'first'] },
    ],
    { first: { K: '1' }, second: { K: '2' } },
  );
  assert.deepEqual([contexts.join, contexts.end], [{ K: '2' }, { K: '2' }]);
  assert.deepEqual(warnings, ['context K was set by first and by second; that of second holds']);
});

test('one that changes what it saw, some steps later, is in nobody’s way', () => {
  const { contexts, warnings } = inherited(
    [
      { name: 'a' },
      { name: 'b', needs: ['a'] },
      { name: 'c', needs: ['b'] },
      { name: 'join', needs: ['c', 'a'] },
    ],
    { a: { K: 'a' }, b: { K: 'b' }, c: { K: 'c' } },
  );
  assert.deepEqual([contexts.join, warnings], [{ K: 'c' }, []]);
});

test('context goes by way of processors that could not start', () => {
  const { contexts } = inherited(
    [
      { name: 'adds' },
      { name: 'fails' },
      { name: 'held', needs: ['adds', 'fails'] },
      { name: 'clean', needs: ['held'], rule: 'all-done' },
    ],
    { adds: { K: 'added' } },
    { failing: ['fails'] },
  );
  assert.deepEqual(contexts.clean, { K: 'added' });
});
