import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type HandlerContext,
} from '@connectrpc/connect';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { createLog, type LogFields } from '../../proto/log.ts';
import type { SpanAttributes, Spans } from '../../proto/spans.ts';
import { createCallObserver } from './call-observer.ts';
import { traceOfCall } from './call-trace.ts';
import { createMeter } from './meter.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OWN = '1111111111111111';

function observed({ withSpans = false } = {}) {
  const lines: [string, string, LogFields][] = [];
  const ended: { name: string; attributes: SpanAttributes; error?: string | undefined }[] = [];
  const spans: Spans = {
    start: (name, { parent }) => {
      const attributes: SpanAttributes = {};
      return {
        span: { traceId: parent!.traceId, spanId: OWN, sampled: true, state: '' },
        set: (more) => void Object.assign(attributes, more),
        end: (error) => void ended.push({ name, attributes, error }),
      };
    },
    add: () => assert.fail('calls begin and end here'),
    close: async () => {},
  };
  const meter = createMeter({ withProcess: false });
  const observer = createCallObserver({
    log: createLog('debug', (...line) => lines.push(line)),
    meter,
    spans: withSpans ? spans : undefined,
    caller: () => ({ peer: '10.0.0.7', actor: 'ada' }),
  });
  const traces: (string | undefined)[] = [];
  const transport = createRouterTransport(
    (router) =>
      router.service(RunService, {
        startRun(_, context: HandlerContext) {
          traces.push(traceOfCall(context)?.parent);
          return {};
        },
        getRun: () => Promise.reject(new ConnectError('There is no such run.', Code.NotFound)),
        cancelRun: () => Promise.reject(new Error('a bug at postgres://u:hunter2@h')),
        async *watchRun() {
          yield { events: [] };
          yield { events: [] };
        },
      }),
    { router: { interceptors: [observer.interceptor] } },
  );
  return { lines, ended, meter, observer, traces, runs: createClient(RunService, transport) };
}

test('a line for each call: what changes something at info, what reads at debug, our own faults whole', async () => {
  const { lines, runs, traces } = observed();
  const headers = { traceparent: PARENT, authorization: 'Bearer a-very-secret-token' };
  await runs.startRun({}, { headers });
  await assert.rejects(runs.getRun({ runId: 'x' }, { headers }));
  await assert.rejects(runs.cancelRun({ runId: 'x' }));
  const about = { peer: '10.0.0.7', actor: 'ada' };
  const trace = { traceId: PARENT.split('-')[1], spanId: PARENT.split('-')[2] };
  for (const [, , fields] of lines) {
    assert.ok((fields.durationMs as number) >= 0);
    delete fields.durationMs;
  }
  assert.deepEqual(lines, [
    ['info', 'call', { method: 'RunService/StartRun', code: 'ok', ...about, ...trace }],
    ['debug', 'call', { method: 'RunService/GetRun', code: 'not_found', ...about, ...trace }],
    [
      'error',
      'call',
      {
        method: 'RunService/CancelRun',
        code: 'unknown',
        ...about,
        error: 'a bug at postgres://u:[hidden]@h',
      },
    ],
  ]);
  assert.ok(!JSON.stringify(lines).includes('secret-token'));
  // Without spans of its own a run is a child of the caller's span.
  assert.deepEqual(traces, [PARENT]);
});

test('a span for each call, which is the parent of the run that it starts', async () => {
  const { ended, runs, traces } = observed({ withSpans: true });
  const headers = { traceparent: PARENT };
  await runs.startRun({}, { headers });
  await assert.rejects(runs.getRun({}, { headers }));
  await assert.rejects(runs.cancelRun({}, { headers }));
  assert.deepEqual(traces, [PARENT.replace('b7ad6b7169203331', OWN)]);
  assert.deepEqual(
    ended.map(({ name, attributes, error }) => [name, attributes['rpc.response.status_code'], error]),
    [
      ['RunService/StartRun', 'ok', undefined],
      // What a caller asks wrongly is no error of the server.
      ['RunService/GetRun', 'not_found', undefined],
      ['RunService/CancelRun', 'unknown', 'a bug at postgres://u:hunter2@h'],
    ],
  );
});

test('a stream is told at its end, and when nobody takes it any more', async () => {
  const { lines, meter, runs } = observed();
  const open = async () =>
    /^wiz_api_calls_open\{method="RunService\/WatchRun"\} (\d)$/m.exec(
      (await meter.exposition(undefined)).text,
    )?.[1];
  let count = 0;
  for await (const _ of runs.watchRun({})) {
    count += 1;
    if (count === 1) assert.deepEqual([lines.length, await open()], [0, '1']);
  }
  assert.equal(count, 2);
  assert.deepEqual(
    lines.map(([, , { method, code }]) => [method, code]),
    [['RunService/WatchRun', 'ok']],
  );
  assert.equal(await open(), '0');
  const { text } = await meter.exposition(undefined);
  assert.match(text, /^wiz_api_calls_total\{method="RunService\/WatchRun",code="ok"\} 1$/m);
  assert.doesNotMatch(text, /wiz_api_call_seconds_count\{method="RunService\/WatchRun"\}/);
});

test('what a gate refuses is told', async () => {
  const { lines, observer, meter } = observed();
  const gate = observer.gate(() => {
    throw new ConnectError('Who are you?', Code.Unauthenticated);
  });
  const context = {
    service: RunService,
    method: RunService.method.startRun,
    values: undefined,
    requestHeader: new Headers(),
  };
  await assert.rejects(async () => gate(context as unknown as HandlerContext), /Who are you/);
  const about = { peer: '10.0.0.7', actor: 'ada' };
  assert.deepEqual(lines, [
    ['info', 'call refused', { method: 'RunService/StartRun', code: 'unauthenticated', ...about }],
  ]);
  assert.match((await meter.exposition(undefined)).text, /code="unauthenticated"\} 1$/m);
});
