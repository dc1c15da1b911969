import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { journal, RUN_ID, START_MS } from '../fixture/events.ts';
import { colourPaint, plainPaint } from './paint.ts';
import { treeLines } from './tree.ts';
import { applyEvent, emptyRun, type RunView } from './view.ts';

const DIAMOND = [
  { name: 'list' },
  { name: 'licences', needs: ['list'], retries: 2 },
  { name: 'sizes', needs: ['list'] },
  { name: 'report', needs: ['licences', 'sizes'] },
];

function play(script: (journal_: ReturnType<typeof journal>) => void): RunView {
  const run = emptyRun();
  const told = journal();
  script(told);
  for (const event of told.events) applyEvent(run, event);
  return run;
}

function draw(
  run: RunView,
  after: number,
  options: { columns?: number; rows?: number; notes?: string[] } = {},
) {
  const { columns = 100, rows = 24, notes } = options;
  return treeLines(run, { nowMs: START_MS + after, columns, rows, paint: plainPaint, notes });
}

test('a run on its way: tree, spinner, durations, attempts, progress and last log lines', () => {
  const run = play((j) => {
    j.created(DIAMOND);
    j.started(100, 'list');
    j.succeeded(500, 'list');
    j.started(500, 'licences');
    j.started(500, 'sizes');
    j.progress(600, 'sizes', 0.62, 'reading left-pad');
    j.failed(700, 'licences', { retryAfter: 1500 });
    j.started(2200, 'licences', 2);
  });
  run.processors.get('licences')!.tail = '\u001b[31mGET\u001b[0m https://example.org\r';
  assert.deepEqual(draw(run, 3000), [
    `audit v2  ${RUN_ID}  Running  3.0s  1 of 4 processors done`,
    '✔ list         Succeeded    0.4s',
    '├─ ⠋ licences  Running      0.8s  attempt 2/3  GET https://example.org',
    '├─ ⠋ sizes     Running      2.5s  ██████████░░░░░░  62%  reading left-pad',
    '└─ ○ report    Idle',
  ]);
});

test('the spinner turns with the time and nothing else', () => {
  const run = play((j) => {
    j.created([{ name: 'one' }]);
    j.started(0, 'one');
  });
  const spinners = [0, 100, 200, 999, 1000].map((after) => draw(run, after)[1]!.slice(0, 1));
  assert.deepEqual(spinners, ['⠋', '⠙', '⠹', '⠏', '⠋']);
});

test('a failed run at its end: reasons, a warning, what never ran, and a processor that waits no more', () => {
  const run = play((j) => {
    j.created([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c' }]);
    j.started(0, 'a');
    j.started(0, 'c');
    j.failed(300, 'a');
    j.failed(400, 'c', { warning: true });
    j.skipped(400, 'b', 'upstream-failed');
    j.ended(500, RunState.FAILED, ['c failed']);
  });
  assert.deepEqual(draw(run, 60_000), [
    `audit v2  ${RUN_ID}  Failed  0.5s  0 of 3 processors done`,
    '✖ a  Failed       0.3s  exit-code  exited with code 3',
    '○ b  Idle               upstream-failed',
    '! c  Failed       0.4s  warning  exit-code  exited with code 3',
  ]);
});

test('a processor that waits for its next attempt says when', () => {
  const run = play((j) => {
    j.created([{ name: 'a', retries: 1 }]);
    j.started(0, 'a');
    j.failed(1000, 'a', { retryAfter: 2000 });
  });
  assert.equal(draw(run, 1500)[1], '○ a  Idle         1.0s  exit-code  exited with code 3  again in 1.5s');
});

test('more processors than rows: failed and running ones first, the rest counted', () => {
  const names = Array.from({ length: 3000 }, (_, i) => ({ name: `p${i}` }));
  const run = play((j) => {
    j.created(names);
    for (let i = 0; i < 1000; i++) j.started(0, `p${i}`);
    for (let i = 0; i < 990; i++) j.succeeded(100, `p${i}`);
    j.failed(100, 'p995');
  });
  const lines = draw(run, 1000, { rows: 8 });
  assert.equal(lines.length, 8);
  assert.deepEqual(
    lines.slice(1).map((line) => line.trimEnd().split(/ +/).slice(0, 3).join(' ')),
    [
      '✖ p995 Failed',
      '⠋ p990 Running',
      '⠋ p991 Running',
      '⠋ p992 Running',
      '⠋ p993 Running',
      '⠋ p994 Running',
      '… and 4',
    ],
  );
  assert.equal(lines.at(-1), '… and 4 running, 2,000 idle, 990 succeeded');
});

test('a processor with instances is one line, and the few that need looking at stand under it', () => {
  const run = play((j) => {
    j.created([
      { name: 'list' },
      { name: 'parse', needs: ['list'], retries: 1 },
      { name: 'sum', needs: ['parse'] },
    ]);
    j.reused(10, 'list');
    j.expanded(100, 'parse', 10_000);
    for (let i = 0; i < 1210; i++) j.started(100, `parse[${i}]`);
    for (let i = 0; i < 1204; i++) j.succeeded(200, `parse[${i}]`);
    j.failed(300, 'parse[1204]');
    j.failed(300, 'parse[1205]', { retryAfter: 5000 });
    j.started(2900, 'parse[1210]');
  });
  assert.deepEqual(draw(run, 3000, { columns: 120 }), [
    `audit v2  ${RUN_ID}  Running  3.0s  1 of 3 processors done`,
    '↺ list      Succeeded          cached  same as run 3MN',
    '⠋ parse     Running      2.9s  ██░░░░░░░░░░░░░░  12%  1,204 of 10,000 done, 5 running, 1 failed',
    '  ✖ [1204]  Failed       0.2s  exit-code  exited with code 3',
    '  ○ [1205]  Idle         0.2s  exit-code  exited with code 3  again in 2.3s',
    '  ⠋ [1206]  Running      2.9s',
    '  ⠋ [1207]  Running      2.9s',
    '  ⠋ [1208]  Running      2.9s',
    '  ⠋ [1209]  Running      2.9s',
    '○ sum       Idle',
  ]);
  assert.equal(draw(run, 3000, { rows: 5 }).length, 5);
});

test('100,000 instances cost a frame no more than ten', () => {
  const run = play((j) => {
    j.created([{ name: 'parse' }]);
    j.expanded(0, 'parse', 100_000);
    for (let i = 0; i < 100_000; i++) j.failed(100, `parse[${i}]`);
    j.closed(200, 'parse', ProcessorState.FAILED);
  });
  const { instances } = run.processors.get('parse')!;
  assert.deepEqual([instances!.failed.size, instances!.counts[ProcessorState.FAILED]], [100, 100_000]);
  assert.equal(draw(run, 300).length, 8);
  assert.match(
    draw(run, 300)[1]!,
    /✖ parse +Failed +0\.2s {2}instances-failed {2}0 of 100,000 done, 100,000 failed/,
  );
});

test('skipped and cached processors are marked and counted', () => {
  const run = play((j) => {
    j.created([{ name: 'a' }, { name: 'b' }]);
    j.reused(0, 'a');
    j.skipped(0, 'b', 'skipped');
    j.ended(100, RunState.SUCCEEDED);
  });
  assert.deepEqual(draw(run, 200), [
    `audit v2  ${RUN_ID}  Succeeded  0.1s  1 of 2 processors done, 1 skipped`,
    '↺ a  Succeeded          cached  same as run 3MN',
    '⊘ b  Idle               skipped',
  ]);
});

test('no line is wider than the terminal, with colours or without', () => {
  const run = play((j) => {
    j.created([{ name: 'wide' }]);
    j.started(0, 'wide');
  });
  run.processors.get('wide')!.tail = '日本語のログ'.repeat(40);
  for (const columns of [1, 5, 20, 33, 34, 80]) {
    for (const line of draw(run, 0, { columns })) {
      assert.ok(columnsOf(line) <= columns, `${columns}: ${line}`);
    }
  }
  const plain = draw(run, 0, { columns: 60 });
  const coloured = treeLines(run, { nowMs: START_MS, columns: 60, rows: 24, paint: colourPaint });
  assert.deepEqual(
    coloured.map((line) => stripVTControlCharacters(line).trimEnd()),
    plain,
  );
});

test('notes stand under the tree and take their room from it', () => {
  const run = play((j) => {
    j.created(Array.from({ length: 10 }, (_, i) => ({ name: `p${i}` })));
  });
  const lines = draw(run, 0, { rows: 6, notes: ['Cancelling the run.'] });
  assert.equal(lines.length, 6);
  assert.equal(lines.at(-1), 'Cancelling the run.');
});

/** Two columns for each of the wide characters used here. */
function columnsOf(text: string): number {
  return [...text].reduce((sum, letter) => sum + (/[\u3000-\u9fff]/.test(letter) ? 2 : 1), 0);
}
