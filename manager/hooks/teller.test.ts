import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { emit, processorEnded, processorExpanded, runEnded } from '../engine/events.ts';
import { createdEvent, pipeline } from '../engine/run.fixture.ts';
import { newRunMachine } from '../engine/run.ts';
import type { HookSpec } from '../spec/hook-spec.ts';
import { createTeller, type HooksOfManager, type ManagerHook } from './teller.ts';

const hook = (change: Partial<HookSpec> = {}): HookSpec => ({
  on: ['run.failed'],
  processors: [],
  action: { kind: 'command', argv: ['tell'] },
  timeoutMs: 1000,
  ...change,
});

function runWith(hooks: HookSpec[], change: Partial<HooksOfManager> = {}) {
  const spec = pipeline([{ name: 'a' }, { name: 'b' }], { hooks, secrets: { KEY: { env: 'KEY' } } });
  const created = createdEvent(spec, 'run1');
  const run = newRunMachine(created, 'm1', 1);
  const tell = createTeller({ hooks: [], secrets: {}, folder: '/', publicUrl: undefined, ...change });
  return { run, created, tell };
}

test('without hooks nothing is looked at', () => {
  const { run, created, tell } = runWith([]);
  assert.equal(tell(run, [created]), undefined);
});

test('events become what hooks call them; instances, and what never started, are no news', () => {
  const all = hook({
    on: [
      'run.started',
      'run.failed',
      'run.cancelled',
      'processor.started',
      'processor.failed',
      'processor.skipped',
    ],
  });
  const { run, created, tell } = runWith([all]);
  emit(run, 2000, processorExpanded('a', 2));
  emit(run, 2001, processorEnded('a[0]', ProcessorState.FAILED, 'bad-expression', 'x'));
  emit(run, 2002, processorEnded('a[1]', ProcessorState.IDLE, 'cancelled', ''));
  emit(run, 2003, processorEnded('a', ProcessorState.FAILED, 'instances-failed', '1 of 2'));
  emit(run, 2004, processorEnded('b', ProcessorState.IDLE, 'upstream-failed', ''));
  emit(run, 2005, runEnded(RunState.FAILED, 'processor-failed', 'a: 1 of 2', []));
  const events = [created, ...run.uncommitted];
  const told = tell(run, events)!;
  assert.deepEqual(
    told.map(({ event, processor }) => `${event} ${processor}`.trim()),
    ['run.started', 'processor.started a', 'processor.failed a', 'run.failed'],
  );
  const { type, data } = JSON.parse(told.at(-1)!.body);
  assert.equal(type, 'run.failed');
  assert.deepEqual(data.run.failures, [{ name: 'a', reason: 'instances-failed', message: '1 of 2' }]);
  // A commit that is tried again tells the same.
  assert.deepEqual(tell(run, events), told);
  assert.equal(new Set(told.map(({ deliveryId }) => deliveryId)).size, told.length);
});

test('a cancel is no failure', () => {
  const { run, tell } = runWith([hook({ on: ['run.failed', 'run.cancelled'] })]);
  emit(run, 2000, runEnded(RunState.FAILED, 'cancelled', 'enough', []));
  assert.deepEqual(
    tell(run, run.uncommitted)!.map(({ event }) => event),
    ['run.cancelled'],
  );
});

test('processors, pipelines and labels choose; the same target is told once', () => {
  const own: ManagerHook[] = [
    { ...hook({ on: ['processor.failed'] }), pipelines: ['te*'], labels: {} },
    { ...hook({ on: ['processor.failed'] }), pipelines: ['te.ted'], labels: {} },
    { ...hook({ on: ['processor.failed'] }), pipelines: [], labels: { team: 'x' } },
  ];
  const about = hook({ on: ['processor.failed'], processors: ['b'] });
  const { run, tell } = runWith([about, about], { hooks: own, publicUrl: 'https://wiz.example.org' });
  emit(run, 2000, processorEnded('a', ProcessorState.FAILED, 'bad-list', ''));
  emit(run, 2001, processorEnded('b', ProcessorState.FAILED, 'bad-list', ''));
  const told = tell(run, run.uncommitted)!;
  assert.deepEqual(
    told.map(({ processor, target }) => `${processor} ${JSON.parse(target).ofPipeline}`),
    ['a false', 'b true', 'b false'],
  );
  assert.deepEqual(JSON.parse(told[0]!.body).links, { run: 'https://wiz.example.org/api/v1/runs/run1' });
  // Where secrets are, and no value.
  assert.deepEqual(JSON.parse(told[1]!.target).secrets, { KEY: { env: 'KEY' } });
});
