import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { CacheDecisionSchema, type File, FileSchema } from '../proto/gen/wiz/v1/data_pb.js';
import { OutputFileSchema, ProcessorState } from '../proto/gen/wiz/v1/events_pb.js';
import { attemptEnded, attemptStarted, emit, outputsKept, processorReused } from './engine/events.ts';
import { failure, newRun, pipeline, report } from './engine/run.fixture.ts';
import { cacheEntriesOf, fileLinksOf, reusedKeysOf } from './file-links.ts';

const file = (name: string): File =>
  create(FileSchema, { name, hash: name.padEnd(64, '0'), size: 7, mediaType: 'text/plain' });

const decision = (key: string) => create(CacheDecisionSchema, { key, parts: { script: 'abc' } });

test('a run without files and caches has nothing to store', () => {
  const run = newRun(pipeline([{ name: 'a' }]));
  emit(run, 1, attemptStarted('a', 1, 'e', 1));
  emit(run, 2, attemptEnded(report('a', 1), ProcessorState.SUCCEEDED, ''));
  assert.equal(fileLinksOf(run, run.uncommitted), undefined);
  assert.equal(cacheEntriesOf(run, run.uncommitted), undefined);
  assert.equal(reusedKeysOf(run.uncommitted), undefined);
});

test('only attempts that succeeded have made and used files, and are kept in the cache', () => {
  const run = newRun(pipeline([{ name: 'a' }, { name: 'b' }]));
  // All in one commit: the second attempt stands in the run when the first is looked at.
  emit(run, 1, attemptStarted('a', 1, 'e', 1, decision('k1'), [file('in1')]));
  emit(run, 2, attemptEnded(failure('a', 1), ProcessorState.IDLE, 'retry-backoff', 3));
  emit(run, 3, attemptStarted('a', 2, 'e', 1, decision('k2'), [file('in2')]));
  const output = {
    $typeName: 'wiz.v1.Data',
    mediaType: '',
    form: 2,
    value: { case: 'file', value: file('') },
  };
  const done = report('a', 2, { files: [file('out')], output: output as never, context: { K: 'v' } });
  emit(run, 4, attemptEnded(done, ProcessorState.SUCCEEDED, ''));
  emit(run, 5, attemptStarted('b', 1, 'e', 1, decision('')));
  emit(run, 6, attemptEnded(report('b', 1), ProcessorState.SUCCEEDED, ''));
  emit(
    run,
    7,
    outputsKept([create(OutputFileSchema, { path: 'x/out', file: file('out'), processor: 'a' })], []),
  );

  const links = fileLinksOf(run, run.uncommitted)!;
  assert.deepEqual(
    links.map(({ role, name, processor, attempt, createdMs }) => [role, name, processor, attempt, createdMs]),
    [
      ['made', 'out', 'a', 2, 4],
      ['value', '', 'a', 2, 4],
      ['used', 'in2', 'a', 2, 4],
      ['kept', 'x/out', 'a', 2, 7],
    ],
  );
  assert.deepEqual(
    [links[0]!.runId, links[0]!.pipeline, links[0]!.size, links[0]!.mediaType],
    ['run', 'tested', 7, 'text/plain'],
  );
  const entries = cacheEntriesOf(run, run.uncommitted)!;
  assert.deepEqual(
    entries.map(({ key, processor, createdMs }) => [key, processor, createdMs]),
    [['k2', 'a', 4]],
  );
  const { cache, files, output: kept, context, inputs } = entries[0]!.result;
  assert.deepEqual(
    [cache!.verdict, cache!.runId, cache!.attempt, cache!.parts],
    ['reused', 'run', 2, { script: 'abc' }],
  );
  assert.deepEqual(
    [files[0]!.name, kept?.value.case, context, inputs[0]!.name],
    ['out', 'file', { K: 'v' }, 'in2'],
  );
});

test('of a reused result the links name the attempt that made it, and no entry is made', () => {
  const run = newRun(pipeline([{ name: 'a' }]));
  const cache = create(CacheDecisionSchema, { key: 'k', verdict: 'reused', runId: 'earlier', attempt: 3 });
  const result = { cache, output: undefined, context: {}, files: [file('out')], inputs: [file('in')] };
  emit(run, 1, processorReused('a', result));
  assert.deepEqual(
    fileLinksOf(run, run.uncommitted)!.map((link) => [
      link.role,
      link.attempt,
      link.originRunId,
      link.originAttempt,
    ]),
    [
      ['made', 0, 'earlier', 3],
      ['used', 0, 'earlier', 3],
    ],
  );
  assert.equal(cacheEntriesOf(run, run.uncommitted), undefined);
  assert.deepEqual(reusedKeysOf(run.uncommitted), ['k']);
});
