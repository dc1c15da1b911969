/** One trace from the command line through a manager to an executor and into its programs. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { attemptSpanId, runSpanId } from '../../proto/trace-context.ts';
import { ADMIN_TOKEN, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace, until } from '../e2e/place.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';

const place = newPlace();
after(() => place.leave());

let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.close());

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${CALLER}-01`;

const TWO = `name: two
processors:
  a: { run: 'echo $TRACEPARENT $TRACESTATE' }
  b: { needs: a, uses: noop }
`;

/** Waits for spans of an executor, which sends them a few seconds after they were made. */
function spanOf(service: string, name: string): CollectedSpan | undefined {
  return collector.spans.find((span) => span.service === service && span.name === name);
}

test('wiz run: one trace spans command, manager and executor, and the program has its id', async () => {
  place.write('two.yaml', TWO);
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=k',
    WIZ_WARM: '1',
  };
  await place.out(['run', 'two.yaml'], { env });
  const { run } = await place.json(['runs', 'get', 'latest']);
  const printed = (await place.out(['runs', 'logs', 'latest', 'a'])).trim();
  await until('the executor has sent its spans', () => spanOf('wiz-executor', 'noop') !== undefined);

  const command = spanOf('wiz', 'wiz run')!;
  const call = spanOf('wiz-manager', 'RunService/StartRun')!;
  const whole = spanOf('wiz-manager', 'run two')!;
  const a = spanOf('wiz-manager', 'a')!;
  const script = spanOf('wiz-executor', 'script')!;
  const { traceId } = command;
  assert.deepEqual(new Set(collector.spans.map((span) => span.traceId)), new Set([traceId]));
  assert.equal(command.parentSpanId, '');
  assert.equal(call.parentSpanId, command.spanId);
  assert.deepEqual([whole.parentSpanId, whole.spanId], [call.spanId, runSpanId(run.runId, 1)]);
  assert.deepEqual([a.parentSpanId, a.spanId], [whole.spanId, attemptSpanId(run.runId, 'a', 1)]);
  assert.equal(script.parentSpanId, a.spanId);
  assert.equal(printed, `00-${traceId}-${a.spanId}-01`);
  assert.deepEqual(
    [a.attributes['wiz.run'], a.attributes['wiz.executor']],
    [run.runId, script.attributes['wiz.executor']],
  );
  assert.ok(a.startMs <= a.endMs && whole.startMs <= a.startMs);
  assert.ok(collector.headers.every((headers) => headers['x-key'] === 'k'));
});

test('command, daemon and executor are three processes, and one trace', async () => {
  const daemon = await startDaemon(place, { args: ['--set', `tracing.endpoint=${collector.url}`] });
  place.write('two.yaml', TWO);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, WIZ_TOKEN: ADMIN_TOKEN };
  await place.out(['run', 'two.yaml', '--manager', daemon.url], { env });
  const { runId } = (await daemon.api.runs.listRuns({})).runs[0]!;
  const printed = await place.out(['runs', 'logs', runId, 'a', '--manager', daemon.url], { env });
  await daemon.stop();
  await until('the executor has sent its spans', () => spanOf('wiz-executor', 'noop') !== undefined);
  const { traceId } = spanOf('wiz', 'wiz run')!;
  const a = attemptSpanId(runId, 'a', 1);
  assert.equal(printed.trim(), `00-${traceId}-${a}-01`);
  assert.equal(spanOf('wiz-manager', 'run two')!.traceId, traceId);
  assert.equal(spanOf('wiz-executor', 'script')!.traceId, traceId);
  assert.equal(spanOf('wiz-executor', 'script')!.parentSpanId, a);
});

test('TRACEPARENT of the environment is gone on with, and without a collector passed on all the same', async () => {
  place.write('two.yaml', TWO);
  const parent = { TRACEPARENT: traceparent, TRACESTATE: 'vendor=7' };
  const own = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, WIZ_WARM: '1' };
  await place.out(['run', 'two.yaml'], { env: { ...parent, ...own } });
  const command = spanOf('wiz', 'wiz run')!;
  assert.deepEqual([command.traceId, command.parentSpanId], [TRACE, CALLER]);

  const sent = collector.spans.length;
  await place.out(['run', 'two.yaml'], { env: parent });
  const { run } = await place.json(['runs', 'get', 'latest']);
  const printed = (await place.out(['runs', 'logs', 'latest', 'a'])).trim();
  assert.equal(printed, `00-${TRACE}-${attemptSpanId(run.runId, 'a', 1)}-01 vendor=7`);
  await place.out(['run', 'two.yaml']);
  assert.equal((await place.out(['runs', 'logs', 'latest', 'a'])).trim(), '');
  assert.ok(collector.spans.slice(sent).every(({ service }) => service === 'wiz-executor'));
});

test('sampling by the standard variables: what is not sampled says so to programs, and sends nothing', async () => {
  place.write('two.yaml', TWO);
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'always_off',
    WIZ_WARM: '1',
  };
  await place.out(['run', 'two.yaml'], { env });
  assert.match(await place.out(['runs', 'logs', 'latest', 'a']), /^00-[\da-f]{32}-[\da-f]{16}-00 ?\n$/);
  assert.deepEqual(collector.spans, []);
});

test('a collector that is not there costs a run nothing but its spans', async () => {
  place.write('two.yaml', TWO);
  const url = collector.url;
  await collector.close();
  await place.out(['run', 'two.yaml'], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, WIZ_WARM: '1' } });
  collector = await startCollector();
});

test('a manager that takes a run over goes on with its trace', async () => {
  const args = ['--set', `tracing.endpoint=${collector.url}`];
  const first = await startDaemon(place, { args });
  const [began, go] = [join(place.folder, 'began'), join(place.folder, 'go')];
  const runId = await startRun(
    first.api,
    place,
    `name: kept
processors:
  a: { run: 'touch ${began}; until test -e ${go}; do sleep 0.05; done' }
  b: { needs: a, uses: noop }
`,
    { headers: { traceparent } },
  );
  await until('the program runs', () => existsSync(began));
  await first.kill();
  const second = await startDaemon(place, { args });
  place.write('go', '');
  await watchToEnd(second.api, runId);
  await second.stop();
  const whole = spanOf('wiz-manager', 'run kept')!;
  const attempts = collector.spans.filter(({ spanId }) => spanId === attemptSpanId(runId, 'a', 1));
  assert.deepEqual([whole.traceId, whole.spanId, whole.failed], [TRACE, runSpanId(runId, 1), false]);
  assert.deepEqual(
    attempts.map(({ name, parentSpanId }) => [name, parentSpanId]),
    [['a', whole.spanId]],
  );
});
