import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { fileMark, secretMark } from '../../proto/marks.ts';
import { openTestRooms } from '../data/data-rooms.fixture.ts';
import { describeProcessors } from './catalogue.ts';
import { call, temporaryFolder } from './processors.fixture.ts';

test('a processor that nobody has fails and says which there are', async () => {
  const { report } = await call('nope', {});
  assert.equal(report.reason, 'not-found');
  assert.equal(report.failureClass, FailureClass.APP);
  assert.match(report.message, /"nope".*glob.*noop/);
});

test('wrong options fail with the path of each', async () => {
  const { report } = await call('sleep', { duration: 'long', speed: 1 });
  assert.equal(report.reason, 'bad-options');
  assert.match(report.message, /with\.duration: must be a duration/);
  assert.match(report.message, /speed/);
});

test('a time-out and a cancel say so', async () => {
  const timedOut = await call('sleep', { duration: '1h' }, { timeoutMs: 20 });
  assert.deepEqual([timedOut.outcome, timedOut.report.reason], ['failed', 'timeout']);
  assert.match(timedOut.report.message, /20 ms/);
  const cancelled = await call(
    'sleep',
    { duration: '1h' },
    { started: (cancel) => setImmediate(cancel, 'cancelled') },
  );
  assert.deepEqual([cancelled.outcome, cancelled.report.reason], ['failed', 'cancelled']);
});

test('an output over 256 KiB is a file', async (t) => {
  const data = await openTestRooms(temporaryFolder(t), 'e');
  const { report } = await call('noop', { output: 'x'.repeat(256 * 1024) }, { data });
  assert.equal(report.output?.form, DataForm.JSON);
  const { hash, size } = report.output!.value.value as File;
  assert.equal(size, 256 * 1024 + 2);
  assert.equal((await data.files.store.readBytes(hash)).length, size);
  const fits = await call('noop', { output: 'x'.repeat(256 * 1024 - 2) });
  assert.equal(fits.report.output?.value.case, 'json');
  assert.equal(fits.report.usage?.outputBytes, 256 * 1024);
});

test('its input has the outputs and files of its needs, also those that are large', async (t) => {
  const data = await openTestRooms(temporaryFolder(t), 'e');
  const { store } = data.files;
  const text = await store.putBytes(Buffer.from('x\n'.repeat(200_000)));
  const note = await store.putBytes(Buffer.from('hello'));
  const needs = [
    { processor: 'big', output: { value: { case: 'file' as const, value: text }, form: DataForm.TEXT } },
    { processor: 'left', files: [{ ...note, name: 'note.txt' }] },
  ];
  const expression =
    '{ "lines": $count(outputs.big.lines), "none": outputs.left, "file": files.left."note.txt" }';
  const { output } = await call('json', { expression }, { data, needs });
  const path = join(data.staging.of('r'), 'files/left/note.txt');
  assert.deepEqual(output, {
    lines: 200_000,
    none: null,
    file: { name: 'note.txt', path, hash: note.hash, size: note.size, folder: false, mediaType: '' },
  });
  assert.equal(readFileSync(path, 'utf8'), 'hello');
});

test('marks in its options are replaced, and secrets leave it in no way', async (t) => {
  const folder = temporaryFolder(t);
  const data = await openTestRooms(folder, 'e', { MY_TOKEN: 'tok"en-12345' });
  const secrets = [{ name: 'TOKEN', source: { case: 'environment' as const, value: 'MY_TOKEN' } }];
  const note = await data.files.store.putBytes(Buffer.from('hello'));
  const path = fileMark({ ...note, folder: false, place: 'left/a b.txt' });
  const read = await call('file', { action: 'read', path }, { data });
  assert.equal((read.output as { text: string }).text, 'hello');

  const echoed = await call('noop', { output: { a: `x${secretMark('TOKEN')}y` } }, { data, secrets });
  assert.deepEqual(echoed.output, { a: 'x***y' });
  const failed = await call(
    'file',
    { action: 'read', path: `/no/${secretMark('TOKEN')}` },
    { data, secrets },
  );
  assert.match(failed.report.message, /no such file.*\/no\/\*\*\*/);
  const missing = [{ name: 'TOKEN', source: { case: 'environment' as const, value: 'NOT_SET' } }];
  const { report } = await call('noop', { output: secretMark('TOKEN') }, { data, secrets: missing });
  assert.deepEqual([report.reason, report.failureClass], ['secret-missing', FailureClass.APP]);
});

test('a file that is in no store fails as infrastructure', async () => {
  const path = fileMark({ hash: '0'.repeat(64), size: 1, folder: false, place: 'left/a' });
  const { report } = await call('file', { action: 'read', path });
  assert.deepEqual([report.reason, report.failureClass], ['file-absent', FailureClass.INFRA]);
});

test('the catalogue has everything that a manager checks and a person reads', async () => {
  const types = await describeProcessors();
  assert.deepEqual(
    types.map(({ name }) => name),
    ['file', 'glob', 'http', 'json', 'noop', 'sleep'],
  );
  for (const { name, description, optionsSchemaJson, exampleYaml } of types) {
    assert.ok(description.endsWith('.') || description.endsWith(').'), name);
    const schema = JSON.parse(optionsSchemaJson);
    assert.equal(schema.type, 'object', name);
    assert.equal(schema.additionalProperties, false, `${name}: unknown options are errors`);
    for (const [option, { description }] of Object.entries<{ description?: string }>(schema.properties)) {
      assert.ok(description, `${name}.${option} has a description`);
    }
    const [document] = parseAllDocuments(exampleYaml);
    const example = document!.toJS();
    const uses = Object.values<{ uses?: string }>(example.processors).map((processor) => processor.uses);
    assert.ok(uses.includes(name), `the example of ${name} uses it`);
  }
});

test('a no-op loads no schema library', async () => {
  const script = `
    const { startCall } = await import(${JSON.stringify(fileURLToPath(new URL('./call.ts', import.meta.url)))});
    const action = { case: 'call', value: { uses: 'noop', withJson: '{}' } };
    const assignment = { processor: 'p', attempt: 1, inputJson: '', action, needs: [], secrets: [] };
    const report = startCall({ runId: 'r', environment: {}, assignment }, {}, {});
    const { default: inspector } = await import('node:inspector');
    const session = new inspector.Session();
    session.connect();
    const urls = [];
    session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
    session.post('Debugger.enable');
    console.log(report.outcome, urls.filter((url) => url.includes('/zod/')).length, urls.length > 10);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  assert.equal(stdout.trim(), '1 0 true');
});
