import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import { describeProcessors } from './catalogue.ts';
import { call } from './processors.fixture.ts';

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

test('an output over 256 KiB fails', async () => {
  const { report } = await call('noop', { output: 'x'.repeat(256 * 1024) });
  assert.equal(report.reason, 'output-too-large');
  const fits = await call('noop', { output: 'x'.repeat(256 * 1024 - 2) });
  assert.equal(fits.outcome, 'succeeded');
  assert.equal(fits.report.usage?.outputBytes, 256 * 1024);
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
    const assignment = { processor: 'p', attempt: 1, inputJson: '', action };
    const report = startCall({ runId: 'r', environment: {}, assignment }, {});
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
