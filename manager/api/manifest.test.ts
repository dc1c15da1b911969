import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { z } from 'zod';
import {
  type CacheDecision,
  CacheDecisionSchema,
  DataForm,
  DataSchema,
  type File,
  FileSchema,
  UsageSchema,
} from '../../proto/gen/wiz/v1/data_pb.js';
import {
  OutputFileSchema,
  OutputRecordsSchema,
  ProcessorState,
  RunState,
} from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import {
  attemptEnded,
  attemptStarted,
  emit,
  lostReport,
  outputsKept,
  processorEnded,
  processorExpanded,
  processorReused,
  progressMade,
  runCancelRequested,
  runEnded,
} from '../engine/events.ts';
import { newRun, type ProcessorSketch, pipeline, program, report } from '../engine/run.fixture.ts';
import type { RunMachine } from '../engine/run.ts';
import { manifestPieces, writeManifest } from './manifest.ts';
import { type Manifest, manifestJsonSchema } from './manifest-schema.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-manifest-'));
after(() => fs.rmSync(home, { recursive: true }));

/** The published schema, read back: what is in it and not in ours would show. */
const published = z.fromJSONSchema(JSON.parse(JSON.stringify(manifestJsonSchema())));

const { FAILED, SUCCEEDED, IDLE } = ProcessorState;
const HASH = 'ab'.repeat(32);

function manifestOf(run: RunMachine, nowMs = 60_000): Manifest {
  const manifest = JSON.parse([...manifestPieces(run, '/home/of/wiz', nowMs)].join('')) as Manifest;
  const checked = published.safeParse(manifest);
  assert.ok(checked.success, checked.error && z.prettifyError(checked.error));
  return manifest;
}

function started(
  run: RunMachine,
  name: string,
  unixMs: number,
  attempt = 1,
  cache?: CacheDecision,
  inputs?: File[],
) {
  emit(run, unixMs, attemptStarted(name, attempt, 'executor-1', 1, cache, inputs));
}

function succeeded(run: RunMachine, told: Report) {
  emit(run, told.endedUnixMs + 1, attemptEnded(told, SUCCEEDED, ''));
}

function failed(run: RunMachine, told: Report, rest: { retryMs?: number; warning?: boolean } = {}) {
  const { retryMs = 0, warning = false } = rest;
  const state = retryMs > 0 ? IDLE : FAILED;
  emit(
    run,
    told.endedUnixMs + 1,
    attemptEnded(told, state, retryMs > 0 ? 'retry-backoff' : told.reason, retryMs, warning),
  );
}

const failedReport = (name: string, attempt: number, rest: Partial<Report>) =>
  report(name, attempt, {
    outcome: Outcome.FAILED,
    reason: 'exit-code',
    failureClass: FailureClass.APP,
    message: 'exited with 3',
    exitCode: 3,
    ...rest,
  });

const file = (name: string) =>
  create(FileSchema, { name, hash: HASH, size: 5_000_000_000, mediaType: 'text/plain' });
const data = (init: MessageInitShape<typeof DataSchema>) => create(DataSchema, init);
const json = (value: string) => data({ value: { case: 'json', value } });

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

test('instances, each with its own account', () => {
  const run = fanOut(3);
  started(run, 'each[0]', 2100);
  succeeded(run, report('each[0]', 1, { startedUnixMs: 2101, endedUnixMs: 2200, output: json('"a"') }));
  started(run, 'each[2]', 2100);
  failed(run, failedReport('each[2]', 1, { startedUnixMs: 2150, endedUnixMs: 2400 }));
  const { counts, processors } = manifestOf(run);
  assert.deepEqual(counts.instances, { idle: 1, running: 0, failed: 1, succeeded: 1 });
  const { instances, ...node } = processors[0]!;
  assert.deepEqual([node.state, node.counts, node.totals.attempts], ['Running', counts.instances, 2]);
  assert.deepEqual([node.startedAt, node.endedAt], ['1970-01-01T00:00:02.101Z', null]);
  assert.deepEqual(
    instances!.map(({ name, index, state, output, attempts }) => [
      name,
      index,
      state,
      output,
      attempts.length,
    ]),
    [
      ['each[0]', 0, 'Succeeded', { form: 'json', value: 'a' }, 1],
      ['each[1]', 1, 'Idle', null, 0],
      ['each[2]', 2, 'Failed', null, 1],
    ],
  );
  assert.equal(instances![2]!.attempts[0]!.queueMs, 150);
});

test('a list that was empty', () => {
  const run = fanOut(0);
  emit(run, 2001, processorEnded('each', SUCCEEDED, '', ''));
  assert.deepEqual(manifestOf(run).processors[0]!.instances, []);
});

test('values of every form', () => {
  const bytes = Buffer.from([0, 255, 128]);
  const forms: [MessageInitShape<typeof DataSchema>, unknown][] = [
    [{ value: { case: 'json', value: 'null' } }, { form: 'json', value: null }],
    [{ value: { case: 'json', value: '{"a": oops' } }, { form: 'text', text: '{"a": oops' }],
    [{ value: { case: 'text', value: 'a\n"b"\u2028' } }, { form: 'text', text: 'a\n"b"\u2028' }],
    [
      { value: { case: 'bytes', value: bytes }, mediaType: 'image/png' },
      { form: 'bytes', base64: 'AP+A', mediaType: 'image/png' },
    ],
    [
      { value: { case: 'any', value: { typeUrl: 'type.googleapis.com/x.Y', value: bytes } } },
      { form: 'any', typeUrl: 'type.googleapis.com/x.Y', base64: 'AP+A' },
    ],
    [
      { value: { case: 'file', value: file('output') }, form: DataForm.LINES },
      {
        form: 'file',
        content: 'lines',
        file: { name: 'output', hash: HASH, size: 5_000_000_000, mediaType: 'text/plain', folder: false },
      },
    ],
    [{}, null],
  ];
  for (const [init, expected] of forms) {
    const run = newRun(pipeline([{ name: 'one' }]));
    started(run, 'one', 2000);
    succeeded(run, report('one', 1, { startedUnixMs: 2000, endedUnixMs: 2001, output: data(init) }));
    assert.deepEqual(manifestOf(run).processors[0]!.output, expected);
  }
});

test('the schema refuses what it does not know', () => {
  const manifest = manifestOf(newRun(pipeline([{ name: 'one' }])));
  const wrong: unknown[] = [
    {},
    { ...manifest, more: 1 },
    { ...manifest, state: 'Idle' },
    { ...manifest, createdAt: 'yesterday' },
    { ...manifest, processors: [{ ...manifest.processors[0], attempts: [{}] }] },
    { ...manifest, processors: [{ ...manifest.processors[0], output: { form: 'yaml' } }] },
  ];
  for (const one of wrong) assert.ok(!published.safeParse(one).success, JSON.stringify(one));
});

test('a manifest of 20,000 instances comes in pieces, none of them large', () => {
  const run = fanOut(20_000);
  const pieces = [...manifestPieces(run, home, 5000)];
  assert.ok(pieces.length > 10, `${pieces.length} pieces`);
  assert.ok(pieces.every(({ length }) => length < 200_000));
  assert.equal(JSON.parse(pieces.join('')).processors[0].instances.length, 20_000);
});

test('a manifest is written whole, the last one last, readable for its owner alone', async () => {
  const run = fanOut(5000);
  const first = writeManifest(home, run);
  const later = fanOut(2);
  await Promise.all([first, writeManifest(home, later)]);
  const folder = path.join(home, 'runs', 'run');
  assert.deepEqual(fs.readdirSync(folder), ['manifest.json']);
  assert.equal(fs.statSync(path.join(folder, 'manifest.json')).mode & 0o777, 0o600);
  const written = JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
  assert.equal(written.processors[0]!.instances!.length, 2);
});

test('a folder that cannot be written leaves nothing behind', async () => {
  const notFolder = path.join(home, 'file');
  fs.writeFileSync(notFolder, '');
  await assert.rejects(writeManifest(notFolder, fanOut(1)), { code: 'ENOTDIR' });
  const taken = path.join(home, 'taken');
  fs.mkdirSync(path.join(taken, 'runs/run/manifest.json'), { recursive: true });
  await assert.rejects(writeManifest(taken, fanOut(1)), { code: 'EISDIR' });
  assert.deepEqual(fs.readdirSync(path.join(taken, 'runs/run')), ['manifest.json']);
});

function fanOut(count: number): RunMachine {
  const sketch: ProcessorSketch = { name: 'each', each: '${{ params.list }}' };
  const run = newRun(pipeline([sketch]));
  emit(run, 2000, processorExpanded('each', count));
  return run;
}
