import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { CacheDecisionSchema, UsageSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { OutputFileSchema, OutputRecordsSchema, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import {
  attemptEnded,
  emit,
  lostReport,
  outputsKept,
  processorEnded,
  processorReused,
  progressMade,
  runCancelRequested,
  runEnded,
} from '../engine/events.ts';
import { newRun, pipeline, program, report } from '../engine/run.fixture.ts';
import {
  failed,
  failedReport,
  file,
  HASH,
  IDLE,
  json,
  manifestOf,
  started,
  succeeded,
} from './manifest.fixture.ts';
import type { Manifest } from './manifest-schema.ts';

test('a run that succeeded: all there is to know of it', () => {
  const run = newRun(
    pipeline(
      [
        { name: 'list', action: program, description: 'lists' },
        { name: 'report', needs: ['list'] },
      ],
      {
        description: 'a test',
        context: { TEAM: 'x' },
      },
    ),
  );
  const cache = create(CacheDecisionSchema, {
    verdict: 'missed',
    reason: 'first run',
    key: HASH,
    parts: { script: HASH },
  });
  started(run, 'list', 2000, 1, cache, [file('given')]);
  succeeded(
    run,
    report('list', 1, {
      startedUnixMs: 2005,
      endedUnixMs: 3005,
      logLines: 7,
      output: json('{ "rows": [1, "ü\\n"] }'),
      files: [file('a.txt')],
      context: { ADDED: 'yes' },
      usage: create(UsageSchema, {
        userCpuMs: 400.5,
        systemCpuMs: 10,
        peakMemoryBytes: 2 ** 33,
        inputBytes: 26,
        outputBytes: 20,
        stdoutBytes: 100,
        stderrBytes: 0,
      }),
    }),
  );
  started(run, 'report', 3010);
  emit(run, 3500, progressMade('report', 1, 0.25, 'a quarter'));
  succeeded(run, report('report', 1, { startedUnixMs: 3011, endedUnixMs: 4000 }));
  emit(
    run,
    4005,
    outputsKept(
      [create(OutputFileSchema, { path: 'out/a.txt', processor: 'list', file: file('a.txt') })],
      [create(OutputRecordsSchema, { table: 't', processor: 'report', rows: 3 })],
    ),
  );
  emit(run, 4010, runEnded(RunState.SUCCEEDED, 'succeeded', '', ['a warning']));

  const { processors, ...head } = manifestOf(run);
  const given = { name: 'given', hash: HASH, size: 5_000_000_000, mediaType: 'text/plain', folder: false };
  const left = { ...given, name: 'a.txt' };
  const decision = { verdict: 'missed', reason: 'first run', key: HASH };
  const totals = {
    attempts: 1,
    queueMs: 1005,
    runMs: 1000,
    userCpuMs: 400.5,
    systemCpuMs: 10,
    peakMemoryBytes: 2 ** 33,
    inputBytes: 26,
    outputBytes: 20,
    stdoutBytes: 100,
    stderrBytes: 0,
    logLines: 7,
  };
  assert.deepEqual(head, {
    schemaVersion: 1,
    wizVersion: head.wizVersion,
    writtenAt: '1970-01-01T00:01:00.000Z',
    lastEvent: 8,
    runId: 'run',
    pipeline: 'tested',
    version: 1,
    description: 'a test',
    state: 'Succeeded',
    reason: 'succeeded',
    createdAt: '1970-01-01T00:00:01.000Z',
    startedAt: '1970-01-01T00:00:02.005Z',
    endedAt: '1970-01-01T00:00:04.010Z',
    durationMs: 3010,
    labels: {},
    params: {},
    context: { TEAM: 'x' },
    warnings: ['a warning'],
    counts: {
      processors: { idle: 0, running: 0, failed: 0, succeeded: 2 },
      skipped: 0,
      cached: 0,
      instances: { idle: 0, running: 0, failed: 0, succeeded: 0 },
    },
    totals: { ...totals, attempts: 2, queueMs: 1010, runMs: 1989 },
    outputs: {
      files: [{ path: 'out/a.txt', processor: 'list', file: left }],
      records: [{ table: 't', processor: 'report', rows: 3 }],
    },
    links: {
      logs: 'wiz runs logs run',
      files: 'wiz files ls run --all',
      staging: 'wiz runs staging run',
      manifest: 'wiz runs manifest run',
      folder: '/home/of/wiz/runs/run',
    },
  });
  assert.deepEqual(processors[0], {
    name: 'list',
    description: 'lists',
    action: 'program',
    needs: [],
    state: 'Succeeded',
    reason: '',
    queuedAt: '1970-01-01T00:00:01.000Z',
    startedAt: '1970-01-01T00:00:02.005Z',
    endedAt: '1970-01-01T00:00:03.005Z',
    totals,
    attempts: [
      {
        attempt: 1,
        state: 'Succeeded',
        reason: '',
        executor: 'executor-1',
        queuedAt: '1970-01-01T00:00:01.000Z',
        assignedAt: '1970-01-01T00:00:02.000Z',
        startedAt: '1970-01-01T00:00:02.005Z',
        endedAt: '1970-01-01T00:00:03.005Z',
        queueMs: 1005,
        runMs: 1000,
        userCpuMs: 400.5,
        systemCpuMs: 10,
        peakMemoryBytes: 2 ** 33,
        inputBytes: 26,
        outputBytes: 20,
        stdoutBytes: 100,
        stderrBytes: 0,
        logLines: 7,
        exitCode: 0,
        cache: decision,
        inputs: [given],
        log: 'wiz runs logs run list --attempt 1',
      },
    ],
    cache: decision,
    contextAdded: { ADDED: 'yes' },
    files: [left],
    output: { form: 'json', value: { rows: [1, 'ü\n'] } },
  });
  const second = processors[1]!;
  assert.deepEqual([second.action, second.needs, second.output], ['noop', ['list'], null]);
  assert.deepEqual(second.progress, { fraction: 0.25, message: 'a quarter' });
  assert.deepEqual([second.attempts[0]!.exitCode, second.attempts[0]!.userCpuMs], [null, null]);
  assert.equal(second.attempts[0]!.log, undefined);
});

test('a run that failed: every attempt with its class, and what never started', () => {
  const run = newRun(
    pipeline([
      { name: 'bad', action: program, retries: { limit: 1, initialMs: 1, maxMs: 1, factor: 1, jitter: 0 } },
      { name: 'after', needs: ['bad'] },
      { name: 'warns', action: program, onFailure: 'warn' },
    ]),
  );
  started(run, 'bad', 2000);
  emit(
    run,
    2100,
    attemptEnded(lostReport('bad', 1, 'the executor is gone', 2100), IDLE, 'retry-backoff', 2100),
  );
  started(run, 'bad', 2200, 2);
  failed(
    run,
    failedReport('bad', 2, {
      startedUnixMs: 2201,
      endedUnixMs: 2300,
      exitCode: 0,
      signal: 'SIGSEGV',
      reason: 'signal',
    }),
    { retryMs: 2500 },
  );
  const waiting = manifestOf(run).processors[0]!;
  assert.deepEqual(
    [waiting.state, waiting.reason, waiting.retryAt],
    ['Idle', 'retry-backoff', '1970-01-01T00:00:02.500Z'],
  );
  assert.equal(waiting.endedAt, null);
  started(run, 'bad', 2510, 3);
  failed(run, failedReport('bad', 3, { startedUnixMs: 2511, endedUnixMs: 2600 }));
  emit(run, 2600, processorEnded('after', IDLE, 'upstream-failed', 'bad failed'));
  started(run, 'warns', 2600);
  failed(run, failedReport('warns', 1, { startedUnixMs: 2600, endedUnixMs: 2700 }), { warning: true });
  emit(run, 2701, runEnded(RunState.FAILED, 'processor-failed', 'bad failed', ['warns failed']));

  const { state, reason, message, counts, totals, processors } = manifestOf(run);
  assert.deepEqual([state, reason, message], ['Failed', 'processor-failed', 'bad failed']);
  assert.deepEqual(counts.processors, { idle: 1, running: 0, failed: 2, succeeded: 0 });
  assert.equal(totals.attempts, 4);
  const [bad, upstream, warns] = processors as [
    Manifest['processors'][0],
    Manifest['processors'][0],
    Manifest['processors'][0],
  ];
  assert.deepEqual(
    bad.attempts.map(({ state, reason, failureClass, exitCode, signal, queueMs, runMs }) => [
      state,
      reason,
      failureClass,
      exitCode,
      signal,
      queueMs,
      runMs,
    ]),
    [
      ['Failed', 'lost', 'infra', null, undefined, null, null],
      ['Failed', 'signal', 'app', null, 'SIGSEGV', 101, 99],
      ['Failed', 'exit-code', 'app', 3, undefined, 11, 89],
    ],
  );
  assert.deepEqual(
    [bad.state, bad.message, bad.retryAt, bad.warning],
    ['Failed', 'exited with 3', undefined, undefined],
  );
  assert.deepEqual(
    [upstream.state, upstream.reason, upstream.message, upstream.attempts],
    ['Idle', 'upstream-failed', 'bad failed', []],
  );
  assert.deepEqual([warns.state, warns.warning], ['Failed', true]);
});

test('a run that was cancelled, and one that goes on', () => {
  const run = newRun(pipeline([{ name: 'long' }, { name: 'next', needs: ['long'] }]));
  let manifest = manifestOf(run, 5000);
  assert.deepEqual(
    [manifest.state, manifest.startedAt, manifest.endedAt, manifest.durationMs],
    ['Running', null, null, 4000],
  );
  assert.deepEqual(
    manifest.processors.map(({ state, reason }) => [state, reason]),
    [
      ['Idle', 'queued'],
      ['Idle', 'waiting-for-needs'],
    ],
  );
  started(run, 'long', 2000);
  emit(run, 2100, progressMade('long', 1, -1, 'at work'));
  const running = manifestOf(run, 5000).processors[0]!;
  assert.deepEqual(running.progress, { fraction: null, message: 'at work' });
  const [attempt] = running.attempts;
  assert.deepEqual(
    [attempt!.state, attempt!.startedAt, attempt!.endedAt, attempt!.runMs],
    ['Running', null, null, null],
  );
  assert.equal(attempt!.log, 'wiz runs logs run long --attempt 1');

  emit(run, 2200, runCancelRequested('Ctrl-C'));
  failed(run, failedReport('long', 1, { reason: 'cancelled', startedUnixMs: 2001, endedUnixMs: 2300 }));
  emit(run, 2301, processorEnded('next', IDLE, 'cancelled', ''));
  emit(run, 2302, runEnded(RunState.FAILED, 'cancelled', 'Ctrl-C', []));
  manifest = manifestOf(run);
  assert.deepEqual(
    [manifest.state, manifest.reason, manifest.cancel],
    ['Failed', 'cancelled', { message: 'Ctrl-C' }],
  );
  assert.deepEqual(
    manifest.processors.map(({ reason }) => reason),
    ['cancelled', 'cancelled'],
  );
});

test('what was cached, and what was skipped', () => {
  const run = newRun(pipeline([{ name: 'same' }, { name: 'not', when: 'false' }]));
  const cache = create(CacheDecisionSchema, {
    verdict: 'reused',
    reason: 'same as run r',
    key: HASH,
    runId: 'r',
    attempt: 2,
  });
  emit(
    run,
    2000,
    processorReused('same', {
      cache,
      output: json('1'),
      context: { A: 'b' },
      files: [file('f')],
      inputs: [],
    }),
  );
  emit(run, 2001, processorEnded('not', IDLE, 'skipped', 'when is false'));
  emit(run, 2002, runEnded(RunState.SUCCEEDED, 'succeeded', '', []));
  const { counts, processors } = manifestOf(run);
  assert.deepEqual([counts.cached, counts.skipped], [1, 1]);
  const [same, skipped] = processors;
  assert.deepEqual(
    [same!.state, same!.reason, same!.attempts, same!.endedAt],
    ['Succeeded', 'cached', [], null],
  );
  assert.deepEqual(same!.cache, {
    verdict: 'reused',
    reason: 'same as run r',
    key: HASH,
    runId: 'r',
    attempt: 2,
  });
  assert.deepEqual(
    [same!.output, same!.contextAdded, same!.files.length],
    [{ form: 'json', value: 1 }, { A: 'b' }, 1],
  );
  assert.deepEqual([skipped!.state, skipped!.reason, skipped!.message], ['Idle', 'skipped', 'when is false']);
});
