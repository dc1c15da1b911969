import assert from 'node:assert/strict';
import test from 'node:test';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { pipeline } from '../engine/run.fixture.ts';
import { buildRunGraph, changedProcessors, rebuildRunGraph, withDownstream } from './run-graph.ts';

const diamond = pipeline([
  { name: 'end', needs: ['left', 'right'] },
  { name: 'left', needs: ['start'] },
  { name: 'right', needs: ['start'] },
  { name: 'start' },
]);

test('a processor is reached and changed through the graph by its name', () => {
  const graph = buildRunGraph(diamond, {});
  graph.getNodeAttributes('left').progress = 0.5;
  assert.equal(graph.getNodeAttribute('left', 'progress'), 0.5);
  assert.deepEqual(graph.outNeighbors('start'), ['left', 'right']);
  assert.deepEqual(
    graph.mapNodes((name, { waiting, order }) => [name, waiting, order]),
    [
      ['end', 2, 0],
      ['left', 1, 1],
      ['right', 1, 2],
      ['start', 0, 3],
    ],
  );
});

test('what is downstream of processors, themselves included', () => {
  const graph = buildRunGraph(diamond, {});
  assert.deepEqual([...withDownstream(graph, ['left'])], ['left', 'end']);
  assert.deepEqual([...withDownstream(graph, ['start'])].sort(), ['end', 'left', 'right', 'start']);
  assert.deepEqual([...withDownstream(graph, [])], []);
});

test('with an edited spec, what stands stays, and edges and definitions are the new ones', () => {
  const before = buildRunGraph(diamond, {});
  Object.assign(before.getNodeAttributes('start'), {
    state: ProcessorState.SUCCEEDED,
    settled: true,
    attempt: 3,
  });
  const edited = pipeline([
    { name: 'start', env: { NEW: '1' } },
    { name: 'extra', needs: ['start'] },
    { name: 'left', needs: ['start', 'extra'] },
  ]);
  const after = rebuildRunGraph(before, edited, {});
  const start = after.getNodeAttributes('start');
  assert.deepEqual([start.state, start.settled, start.attempt], [ProcessorState.SUCCEEDED, true, 3]);
  assert.deepEqual(start.spec.env, { NEW: '1' });
  assert.equal(start.order, 0);
  assert.deepEqual(after.nodes(), ['start', 'extra', 'left']);
  assert.deepEqual(after.inNeighbors('left').sort(), ['extra', 'start']);
  assert.deepEqual(changedProcessors(before, edited), ['start', 'extra', 'left']);
  assert.deepEqual(changedProcessors(before, diamond), []);
});
