import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DataForm, type DataSchema } from '../../proto/gen/wiz/v1/data_pb.js';
import { emit, processorEnded } from '../engine/events.ts';
import { newRun, pipeline, report } from '../engine/run.fixture.ts';
import {
  data,
  failed,
  failedReport,
  fanOut,
  file,
  HASH,
  json,
  manifestOf,
  published,
  SUCCEEDED,
  started,
  succeeded,
} from './manifest.fixture.ts';
import { manifestPieces, writeManifest } from './manifest.ts';
import type { Manifest } from './manifest-schema.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'wiz-manifest-'));
after(() => fs.rmSync(home, { recursive: true }));

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
