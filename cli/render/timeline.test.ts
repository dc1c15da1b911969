import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { ProcessorSchema, type Run, RunSchema } from '../../proto/gen/wiz/v1/runs_pb.js';
import { RUN_ID, START_MS } from '../fixture/events.ts';
import { axisTicks, tickLabel } from './axis.ts';
import { ganttLines } from './gantt.ts';
import { colourPaint, plainPaint } from './paint.ts';
import { timelineJson, timelineRow, timelineText } from './timeline.ts';
import { width } from './words.ts';

const { IDLE, RUNNING, FAILED, SUCCEEDED } = ProcessorState;

type ProcessorInit = MessageInitShape<typeof ProcessorSchema>;

/** [state, ready, assigned, started, ended] in ms from the start of the run; started and ended may be missing. */
type Try = [ProcessorState, number, number, number?, number?];

function processor(
  name: string,
  state: ProcessorState,
  tries: Try[],
  rest: ProcessorInit = {},
): ProcessorInit {
  const at = (ms: number | undefined) => (ms === undefined ? 0 : START_MS + ms);
  return {
    name,
    state,
    attempts: tries.map(([how, ready, assigned, started, ended], index) => ({
      attempt: index + 1,
      state: how,
      reason: how === FAILED ? 'exit-code' : '',
      readyUnixMs: at(ready),
      assignedUnixMs: at(assigned),
      startedUnixMs: at(started),
      endedUnixMs: at(ended),
    })),
    readyUnixMs: at(tries[0]?.[1] ?? 0),
    ...rest,
  };
}

const ended = (state: RunState, after: number): Run =>
  create(RunSchema, {
    runId: RUN_ID,
    pipeline: 'audit',
    version: 2,
    state,
    createdUnixMs: START_MS,
    endedUnixMs: after === 0 ? 0 : START_MS + after,
  });

function draw(
  run: Run,
  processors: ProcessorInit[],
  { columns = 79, nowAfter = 0, paint = plainPaint } = {},
): string[] {
  const nowMs = START_MS + nowAfter;
  const rows = processors.map((init) => timelineRow(create(ProcessorSchema, init), nowMs));
  return ganttLines(run, rows, { nowMs, columns, paint });
}

const EVERYTHING: ProcessorInit[] = [
  processor('list', SUCCEEDED, [[SUCCEEDED, 0, 100, 200, 1000]]),
  processor('same', SUCCEEDED, [], { reason: 'cached', readyUnixMs: START_MS + 1000 }),
  processor('never', IDLE, [], { reason: 'skipped', readyUnixMs: START_MS + 1000 }),
  processor('fetch', SUCCEEDED, [
    [FAILED, 1000, 1000, 1000, 1500],
    [FAILED, 2000, 2000, 2000, 2500],
    [SUCCEEDED, 3000, 3000, 3400, 4000],
  ]),
  processor('parse', FAILED, [], {
    reason: 'instances-failed',
    readyUnixMs: START_MS + 1000,
    instances: {
      counts: { failed: 2, succeeded: 1232 },
      startedUnixMs: START_MS + 1200,
      endedUnixMs: START_MS + 3800,
    },
  }),
  processor('warns', FAILED, [[FAILED, 3800, 3800, 3800, 3900]], { reason: 'exit-code', warning: true }),
  processor('report', IDLE, [], { reason: 'upstream-failed' }),
];

test('a run that failed: retries, waits, instances, what was cached and skipped', () => {
  assert.deepEqual(draw(ended(RunState.FAILED, 4000), EVERYTHING), [
    `audit v2  ${RUN_ID}  Failed  4.0s`,
    '        │0s        │1s        │2s        │3s',
    'list    ░░██████████                                   0.8s',
    'same               ↺                                   cached',
    'never              ⊘                                   skipped',
    'fetch              █████✖     ██████✖    ░░░░░███████  1.6s  3 attempts',
    'parse              ░░█████████████████████████████✖    2.6s  ×1,234, 2 failed',
    'warns                                             █✖   0.1s  warning, exit-code',
    'report                                                 upstream-failed',
    '░ waits   █ runs   ✖ failed   ↺ cached   ⊘ skipped',
  ]);
});

test('a run that goes on', () => {
  const lines = draw(
    ended(RunState.RUNNING, 0),
    [
      processor('list', SUCCEEDED, [[SUCCEEDED, 0, 0, 0, 1000]]),
      processor('fetch', RUNNING, [[RUNNING, 1000, 1500]]),
      processor('report', IDLE, [], { reason: 'waiting-for-needs' }),
    ],
    { nowAfter: 3000, columns: 60 },
  );
  assert.deepEqual(lines, [
    `audit v2  ${RUN_ID}  Running  3.0s`,
    '        │0s        │1s        │2s',
    'list    ███████████                        1.0s',
    'fetch              ░░░░░█████████████████  1.5s  running',
    'report                                     waiting-for-needs',
    '░ waits   █ runs',
  ]);
});

test('the width is kept, whatever it is, and colours change nothing of the text', () => {
  const long = processor('a-processor-with-a-name-that-goes-on-and-on', SUCCEEDED, [
    [SUCCEEDED, 0, 0, 0, 3000],
  ]);
  for (const columns of [40, 60, 79, 120, 200]) {
    const plain = draw(ended(RunState.FAILED, 4000), [...EVERYTHING, long], { columns });
    for (const line of plain) assert.ok(width(line) <= columns, `${columns}: ${line}`);
    const coloured = draw(ended(RunState.FAILED, 4000), [...EVERYTHING, long], {
      columns,
      paint: colourPaint,
    });
    assert.deepEqual(coloured.map(stripVTControlCharacters), plain);
  }
});

test('what ran for no time is one cell; a run of nothing has no bars', () => {
  const [, , line] = draw(ended(RunState.SUCCEEDED, 10_000), [
    processor('a', SUCCEEDED, [[SUCCEEDED, 0, 0, 0, 0]]),
  ]);
  assert.match(line!, /^a {2}█ +0\.0s$/);
  assert.equal(draw(ended(RunState.SUCCEEDED, 0), []).length, 2);
});

test('failures are red, warnings yellow, what runs is cyan', () => {
  const [, , bad, warns, runs] = draw(
    ended(RunState.RUNNING, 0),
    [
      processor('bad', FAILED, [[FAILED, 0, 0, 0, 100]]),
      processor('warns', FAILED, [[FAILED, 0, 0, 0, 100]], { warning: true }),
      processor('runs', RUNNING, [[RUNNING, 0, 100]]),
    ],
    { paint: colourPaint, nowAfter: 1000 },
  );
  assert.ok(bad!.includes('\u001b[31m█'), bad);
  assert.ok(warns!.includes('\u001b[33m█'), warns);
  assert.ok(runs!.includes('\u001b[36m█'), runs);
});

test('lines for programs', () => {
  const lines = EVERYTHING.map((init) =>
    timelineText(timelineRow(create(ProcessorSchema, init), START_MS), START_MS),
  );
  assert.deepEqual(lines, [
    'list Succeeded 200 200 800',
    'same Succeeded - - - cached',
    'never Idle - - - skipped',
    'fetch Succeeded 1000 400 1600',
    'parse Failed 1200 200 2600 instances-failed',
    'warns Failed 3800 0 100 exit-code',
    'report Idle - - - upstream-failed',
  ]);
});

test('JSON', () => {
  const of = (init: ProcessorInit, after = 0) =>
    timelineJson(timelineRow(create(ProcessorSchema, init), START_MS + after), START_MS);
  assert.deepEqual(
    of(
      processor('fetch', RUNNING, [
        [FAILED, 0, 10, 20, 30],
        [RUNNING, 40, 50],
      ]),
      100,
    ),
    {
      name: 'fetch',
      state: 'Running',
      reason: '',
      startMs: 20,
      queueMs: 30,
      runMs: 60,
      attempts: [
        { attempt: 1, state: 'Failed', reason: 'exit-code', queuedMs: 0, startMs: 20, endMs: 30 },
        { attempt: 2, state: 'Running', reason: '', queuedMs: 40, startMs: 50, endMs: null },
      ],
    },
  );
  assert.deepEqual(of(EVERYTHING[4]!), {
    name: 'parse',
    state: 'Failed',
    reason: 'instances-failed',
    startMs: 1200,
    queueMs: 200,
    runMs: 2600,
    instances: { idle: 0, running: 0, failed: 2, succeeded: 1232 },
    attempts: [],
  });
});

test('clocks that differ make no time negative', () => {
  const row = timelineRow(
    create(ProcessorSchema, processor('a', SUCCEEDED, [[SUCCEEDED, 100, 100, 50, 80]])),
    START_MS,
  );
  assert.equal(timelineText(row, START_MS), 'a Succeeded 100 0 0');
});

test('the axis has round times, as many as there is room for', () => {
  const labels = (lengthMs: number, columns: number) =>
    axisTicks(lengthMs, columns).map(({ label }) => label);
  assert.deepEqual(labels(1, 50), ['0s', '0.001s']);
  assert.deepEqual(labels(90, 50), ['0s', '0.02s', '0.04s', '0.06s', '0.08s']);
  assert.deepEqual(labels(4000, 50), ['0s', '1s', '2s', '3s', '4s']);
  assert.deepEqual(labels(200_000, 50), ['0s', '1m', '2m', '3m']);
  assert.deepEqual(labels(8 * 3_600_000, 50), ['0s', '2h', '4h', '6h', '8h']);
  assert.deepEqual(labels(80 * 86_400_000, 50), ['0s', '20d', '40d', '60d', '80d']);
  assert.deepEqual(
    [tickLabel(90_000, 30_000), tickLabel(3_900_000, 300_000), tickLabel(194_400_000, 43_200_000)],
    ['1m30s', '1h05m', '2d06h'],
  );
});
