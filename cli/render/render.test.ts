import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { LogChunkSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { AppliedPipelineSchema, Change } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import { journal, RUN_ID } from '../fixture/events.ts';
import { changeLines } from './changes.ts';
import { dotGraph, mermaidGraph, textGraph } from './graph.ts';
import { eventJson } from './jsonlines.ts';
import { layout } from './layout.ts';
import { eventLines } from './lines.ts';
import { createLineCutter } from './loglines.ts';
import { optionRows } from './options.ts';
import { plainPaint } from './paint.ts';
import { createScreen } from './screen.ts';
import { table } from './table.ts';
import { applyEvent, emptyRun } from './view.ts';
import { bytes, cut, duration, width } from './words.ts';

test('a run as plain lines', () => {
  const j = journal();
  j.created([
    { name: 'a', retries: 1 },
    { name: 'b', needs: ['a'] },
  ]);
  j.started(1000, 'a');
  j.failed(1200, 'a', { retryAfter: 2000 });
  j.started(3200, 'a', 2);
  j.failed(3300, 'a', { attempt: 2 });
  j.skipped(3300, 'b', 'upstream-failed');
  j.ended(3400, RunState.FAILED);
  j.resumed(60_000, ['a']);
  j.started(60_100, 'a', 3);
  j.succeeded(61_000, 'a', 3);
  j.cancelRequested(61_000, 'enough');
  const run = emptyRun();
  const lines = j.events.flatMap((event) => {
    applyEvent(run, event);
    return eventLines(event, run, plainPaint);
  });
  assert.deepEqual(lines, [
    `12:00:00 audit  ${RUN_ID}  2 processors`,
    '12:00:01 a  Running',
    '12:00:01 a  Idle 0.2s exit-code: exited with code 3, again in 2.0s',
    '12:00:03 a  Running (attempt 2/2)',
    '12:00:03 a  Failed 0.1s exit-code: exited with code 3',
    '12:00:03 b  Idle upstream-failed',
    '12:00:03 audit  Failed 3.4s',
    '12:01:00 audit  Resumed from a',
    '12:01:00 a  Running (attempt 3)',
    '12:01:01 a  Succeeded 0.9s',
    '12:01:01 audit  Cancelling enough',
  ]);
});

test('progress as plain lines: each tenth of the way once, and messages without a share', () => {
  const j = journal();
  j.created([{ name: 'a' }]);
  j.started(1000, 'a');
  for (const share of [0.05, 0.09, 0.31, 0.3, 0.39, 1]) j.progress(2000, 'a', share, `file ${share}`);
  j.progress(3000, 'a', -1, 'packing');
  j.progress(3000, 'b', 0.5);
  const run = emptyRun();
  const lines = j.events.flatMap((event) => {
    applyEvent(run, event);
    return eventLines(event, run, plainPaint);
  });
  assert.deepEqual(lines.slice(2), [
    '12:00:02 a  Running 5% file 0.05',
    '12:00:02 a  Running 31% file 0.31',
    '12:00:02 a  Running 100% file 1',
    '12:00:03 a  Running packing',
  ]);
});

test('a cached processor, and why it is', () => {
  const j = journal();
  j.created([{ name: 'a' }]);
  j.reused(0, 'a');
  assert.equal(linesOf(j.events)[1], '12:00:00 a  cached  same as run 3MN');
});

test('a resumed run waits again, downstream too, and events that were seen change nothing', () => {
  const j = journal();
  j.created([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c' }]);
  j.started(0, 'a');
  j.succeeded(1, 'a');
  j.started(2, 'b');
  j.succeeded(3, 'b');
  j.started(4, 'c');
  j.succeeded(5, 'c');
  j.ended(6, RunState.SUCCEEDED);
  j.resumed(7, ['a']);
  const run = emptyRun();
  for (const event of j.events) applyEvent(run, event);
  assert.deepEqual([run.counts[1], run.counts[4], run.state], [2, 1, RunState.RUNNING]);
  assert.equal(applyEvent(run, j.events[7]!), false);
  assert.equal(run.state, RunState.RUNNING);
});

test('events as JSON lines carry the run, the pipeline and their kind', () => {
  const j = journal();
  const run = emptyRun();
  applyEvent(run, j.created([{ name: 'a' }]));
  const event = j.started(10, 'a');
  applyEvent(run, event);
  const line = JSON.parse(eventJson(event, run));
  assert.deepEqual(
    [line.run, line.pipeline, line.kind, line.seq, line.attemptStarted],
    [RUN_ID, 'audit', 'attemptStarted', 2, { processor: 'a', attempt: 1 }],
  );
});

test('the screen writes only what changed, and nothing when nothing did', () => {
  const written: string[] = [];
  const terminal = { write: (text: string) => written.push(text), columns: 40 };
  const screen = createScreen(terminal);
  screen.draw(['head', 'one', 'two']);
  screen.draw(['head', 'ONE', 'two']);
  screen.draw(['head', 'ONE', 'two']);
  screen.draw(['head', 'ONE']);
  terminal.columns = 3;
  screen.draw(['he']);
  screen.release();
  assert.deepEqual(
    written.map((text) => text.replaceAll('\u001b[', '^')),
    ['^?25lhead^K\none^K\ntwo^K\n', '^3F\nONE^K\n\n', '^3F\n\n^J', '^3F^Jhe^K\n', '^?25h'],
  );
});

test('joins stand beside the branches they join; a chain does not move to the right', () => {
  const placed = layout([
    { name: 'a', needs: [] },
    { name: 'b', needs: ['a'] },
    { name: 'c', needs: ['b'] },
    { name: 'd', needs: ['b'] },
    { name: 'd2', needs: ['d'] },
    { name: 'e', needs: ['c', 'd2'] },
    { name: 'f', needs: ['e', 'a'] },
    { name: 'g', needs: [] },
  ]);
  assert.deepEqual(
    placed.map(({ prefix, name }) => prefix + name),
    ['a', '├─ b', '│  ├─ c', '│  ├─ d', '│  │  d2', '│  └─ e', '└─ f', 'g'],
  );
});

test('a layer after a layer, a hundred thousand wide, is laid out in a moment', () => {
  const left = Array.from({ length: 50_000 }, (_, i) => ({ name: `l${i}`, needs: ['root'] }));
  const right = Array.from({ length: 50_000 }, (_, i) => ({ name: `r${i}`, needs: [`l${i}`, 'root'] }));
  assert.equal(layout([{ name: 'root', needs: [] }, ...left, ...right]).length, 100_001);
});

test('graphs as text, dot and Mermaid', () => {
  const nodes = [
    { name: 'a', needs: [] },
    { name: 'end', needs: ['a'] },
  ];
  assert.equal(textGraph('p', nodes), 'p\n  a\n  end  (after a)');
  assert.match(dotGraph('p', nodes), /^digraph "p" \{\n[\s\S]*"a" -> "end";\n\}$/);
  assert.match(mermaidGraph('p', nodes), /flowchart LR\n {2}n0\["a"\]\n {2}n1\["end"\]\n {2}n0 --> n1$/);
});

test('changes of pipelines by processor', () => {
  const pipeline = create(AppliedPipelineSchema, {
    name: 'audit',
    version: 3,
    change: Change.UPDATED,
    fields: [{ path: 'description', beforeJson: '"old"', afterJson: '' }],
    processors: [
      {
        name: 'fetch',
        change: Change.UPDATED,
        fields: [{ path: 'retries.limit', beforeJson: '2', afterJson: '3' }],
      },
      { name: 'report', change: Change.CREATED },
      { name: 'gone', change: Change.REMOVED },
      { name: 'same', change: Change.UNCHANGED },
    ],
  });
  assert.deepEqual(changeLines(pipeline, { dryRun: true, paint: plainPaint }), [
    'audit  would become version 3 (3 processors would change)',
    '  description: "old" removed',
    '  ~ fetch',
    '      retries.limit: 2 -> 3',
    '  + report',
    '  - gone',
  ]);
});

test('lines are cut from mixed chunks, with their numbers', () => {
  const cutter = createLineCutter();
  const chunk = (stream: number, line: number, data: string) =>
    create(LogChunkSchema, { processor: 'p', attempt: 1, stream, line, data: Buffer.from(data) });
  const chunks = [chunk(1, 1, 'on'), chunk(2, 1, 'err\n'), chunk(1, 1, 'e\n\nth'), chunk(1, 3, 'ree')];
  const lines = [...chunks.flatMap((one) => [...cutter.cut(one)]), ...cutter.rest()];
  assert.deepEqual(
    lines.map(({ stream, line, text }) => `${stream} ${line} ${Buffer.from(text)}`),
    ['stderr 1 err', 'stdout 1 one', 'stdout 2 ', 'stdout 3 three'],
  );
});

test('options of a processor from their JSON Schema', () => {
  const schema = {
    properties: {
      method: { enum: ['GET', 'POST'], default: 'GET', description: 'Method.' },
      url: { type: 'string' },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      list: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
      retry: { type: 'object', properties: { limit: { type: 'integer' } } },
    },
    required: ['url'],
  };
  assert.deepEqual(
    optionRows(JSON.stringify(schema)).map(({ path, type, preset }) => `${path}: ${type} ${preset}`.trim()),
    [
      'method: GET | POST "GET"',
      'url: string required',
      'headers: map of string',
      'list: list of string | number',
      'retry: object',
      'retry.limit: integer',
    ],
  );
});

test('tables, times and sizes', () => {
  const columns = [
    { title: 'NAME', text: (row: [string, number]) => row[0] },
    { title: 'N', text: (row: [string, number]) => String(row[1]), right: true },
    { title: 'NOTE', text: () => '' },
  ];
  assert.deepEqual(
    table(
      [
        ['日本', 1],
        ['b', 1234],
      ],
      columns,
      plainPaint,
    ),
    ['NAME     N  NOTE', '日本     1', 'b     1234'],
  );
  assert.deepEqual([0, 59_940, 59_960, 125_000, 3_720_000, 273_600_000].map(duration), [
    '0.0s',
    '59.9s',
    '1m 00s',
    '2m 05s',
    '1h 02m',
    '3d 04h',
  ]);
  assert.deepEqual([999, 1500, 2.5e9].map(bytes), ['999 B', '1.5 KB', '2.5 GB']);
});

test('a text is cut to its columns, whatever its signs', () => {
  assert.equal(cut('✖ failed', 8), '✖ failed');
  assert.equal(cut('✖ failed', 5), '✖ fa…');
  assert.equal(cut('░ waits   █ runs', 12), '░ waits   █…');
  assert.equal(cut('🔑🔑🔑', 4), '🔑…');
  assert.equal(cut('ab', 1), '…');
  for (const text of ['↺ cached  ⊘ skipped', '日本 x 日本', 'é🔑 ░ e\u0301 é', '𝔸𝔹 𝔸𝔹 x']) {
    for (let columns = 0; columns < 12; columns++) assert.ok(width(cut(text, columns)) <= columns, text);
  }
});

function linesOf(events: Event[]): string[] {
  const run = emptyRun();
  return events.flatMap((event) => {
    applyEvent(run, event);
    return eventLines(event, run, plainPaint);
  });
}
