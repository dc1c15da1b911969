/** `wiz run --plan` and `wiz run --each`, as processes in front of a scripted manager. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { recorded, start, wiz } from '../fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'batch-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const record = () => join(folder, `record-${files++}`);

function jsonl(text: string): string {
  const path = join(folder, `params-${files++}.jsonl`);
  writeFileSync(path, text);
  return path;
}

describe('run --plan', { concurrency: 2 }, () => {
  test('a table; exit 10 when something would run', async () => {
    const file = record();
    const environment = { WIZ_PARENT_CONTEXT: '{"TEAM":"x"}' };
    const argv = ['run', 'audit', '--plan', '--no-cache', '-p', 'a=1'];
    const { stdout, stderr, code } = await wiz('plan', argv, { record: file, environment });
    assert.equal(
      stdout,
      `PROCESSOR  VERDICT     INSTANCES  EXPECTED  REASON
list       cached                     0.0s  same as run 3MN
old        skipped                          when is false
parse      run      10, 7 cached     12.3s  changed: file a.csv
report     open                             after parse

4 processors, 1 run, 1 open, 1 cached, 1 skipped; about 12.3s
`,
    );
    assert.deepEqual([stderr, code], ['', 10]);
    const [opened, asked] = recorded(file);
    assert.deepEqual(opened, { opened: { kind: 'cli', needsExecutor: false } });
    assert.deepEqual(asked, { params: { a: '1' }, noCache: true, parent: { TEAM: 'x' } });
  });

  test('exit 0 when nothing would', async () => {
    const environment = { WIZ_PARENT_CONTEXT: '[not json' };
    const { stdout, code } = await wiz('plan', ['run', 'audit', '--plan', '-p', 'done=true'], {
      environment,
    });
    assert.match(stdout, /\nNothing would run: 2 processors, 1 cached, 1 skipped\n$/);
    assert.equal(code, 0);
  });

  test('as JSON, unknown times null', async () => {
    const { stdout, code } = await wiz('plan', ['run', 'audit', '--plan', '--json']);
    const plan = JSON.parse(stdout);
    assert.deepEqual([plan.pipeline, plan.expectedMs, code], ['audit', 12_300, 10]);
    assert.deepEqual(plan.processors.slice(2), [
      {
        name: 'parse',
        verdict: 'run',
        reason: 'changed: file a.csv',
        instances: 10,
        cachedInstances: 7,
        expectedMs: 12_300,
      },
      { name: 'report', verdict: 'open', reason: 'after parse', expectedMs: null },
    ]);
  });
});

describe('run --each', { concurrency: 2 }, () => {
  test('results in the order of the file, no more at once than the width, exit 1 when one failed', async () => {
    const file = record();
    const lines = Array.from({ length: 20 }, (_, n) => JSON.stringify({ n }));
    const argv = ['run', 'audit', '--each', jsonl(`${lines.join('\n')}\n\n`), '--width', '4', '--json'];
    const { stdout, stderr, code } = await wiz('batch', argv, { record: file });
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      results.map(({ index, params, run }) => [index, params.n, run]),
      lines.map((_, n) => [n, n, `run-${n}`]),
    );
    assert.deepEqual(results[2], {
      index: 2,
      run: 'run-2',
      state: 'Succeeded',
      reason: 'succeeded',
      params: { n: 2 },
      outputs: { b: { of: 'run-2' } },
    });
    assert.deepEqual([results[13].state, results[13].reason], ['Failed', 'processor-failed']);
    assert.deepEqual([stderr, code], ['', 1]);
    const most = Math.max(...recorded(file).map((one) => Number(one.most ?? 0)));
    assert.equal(most, 4);
  });

  test('a JSON array from standard input; text goes on as it is, anything else as JSON', async () => {
    const file = record();
    const { child, ended } = start('batch', ['run', 'audit', '-p', 'n=5', '--each', '-'], { record: file });
    child.stdin.end('[{"mode": "slow"},\n {"n": 7, "mode": "fast"}]');
    const { stdout, stderr, code } = await ended;
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      '0  Succeeded    0.1s  run-5  {"mode":"slow"}',
      '1  Succeeded    0.1s  run-7  {"n":7,"mode":"fast"}',
    ]);
    assert.deepEqual([stderr, code], ['2 runs: 2 succeeded\n', 0]);
    const starts = recorded(file).flatMap(({ start }) => (start ? [start] : []));
    assert.deepEqual(starts, [
      { n: '5', mode: 'slow' },
      { n: '7', mode: 'fast' },
    ]);
  });

  test('one that is refused is told in its place, and the others go on', async () => {
    const argv = ['run', 'audit', '--each', jsonl('{"n":99}\n{"n":1}\n')];
    const { stdout, code } = await wiz('batch', argv);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      '0  Failed             {"n":99}  invalid_argument: 99 is not liked',
      '1  Succeeded    0.1s  run-1  {"n":1}',
    ]);
    assert.equal(code, 1);
  });

  const REFUSED: [name: string, text: string, stderr: RegExp][] = [
    ['no JSON', '{"n":1}\n\n{"n":tru}\n', /:3:6: this is no JSON: Unexpected identifier 'tru' found\n$/],
    [
      'no object',
      '{"n":1}\n[2]\n5\n',
      /:2:1: params are one JSON object, not a list\n.*:3:1: .* not a number\n/,
    ],
    [
      'a control character',
      '{"n":1,"mode":"a\u0001"}',
      /:1:17: this is no JSON: a control character in a text\n$/,
    ],
    ['an array that is none', '[{"n":1},\n {"n" 2}]', /:2:7: this is no JSON: /],
    ['an element that is no object', '[{"n":1},\n "x"]', /:2:2: params are one JSON object, not a string\n$/],
    [
      'a param that is not there',
      '{"n":1}\n{"n":1, "mod":2}',
      /:2:9: .*no param "mod"\n {2}Did you mean "mode"\?\n$/,
    ],
    ['a type', '{"n":1}\n{"n": "x"}', /:2:2: param "n" must be a whole number, not "x"\n$/],
    ['a choice', '[{"n":1, "mode":"mid"}]', /:1:10: param "mode" must be one of fast, slow, not "mid"\n$/],
    ['a param that is missing', '{"n":1}\n{}', /:2:1: param "n" is required\n$/],
    ['nothing', '\n', /holds no params\n/],
  ];
  for (const [name, text, stderr] of REFUSED) {
    test(`refused with its place, nothing started: ${name}`, async () => {
      const file = record();
      const ended = await wiz('batch', ['run', 'audit', '--each', jsonl(text)], { record: file });
      assert.match(ended.stderr, stderr);
      assert.deepEqual([ended.stdout, ended.code], ['', 2]);
      assert.ok(!recorded(file).some((one) => 'start' in one));
    });
  }

  test('a pipeline that is not there is told once', async () => {
    const { stderr, code } = await wiz('batch', ['run', 'adit', '--each', jsonl('{"n":1}\n{"n":2}\n')]);
    assert.deepEqual([stderr, code], ['wiz: There is no pipeline "adit".\n', 2]);
  });

  test('Ctrl-C cancels what goes on and starts no more', async () => {
    const file = record();
    const each = jsonl(Array.from({ length: 9 }, (_, n) => `{"n":${n}}\n`).join(''));
    const argv = ['run', 'audit', '--each', each, '--width', '2'];
    const { child, ended } = start('batch-endless', argv, { record: file });
    await until(() => recorded(file).filter((one) => 'start' in one).length === 2);
    child.kill('SIGINT');
    const { stdout, stderr, code } = await ended;
    assert.deepEqual(stdout.match(/run-\d/g), ['run-0', 'run-1']);
    assert.match(stderr, /Cancelling\. [\s\S]*9 runs: 0 succeeded, 2 failed, 7 not started\n$/);
    assert.equal(code, 1);
    const cancelled = recorded(file).flatMap(({ cancel }) => (cancel ? [cancel] : []));
    assert.deepEqual(cancelled.sort(), ['run-0', 'run-1']);
  });

  test('SIGTERM leaves them to a background manager', async () => {
    const file = record();
    const { child, ended } = start('batch-endless', ['run', 'audit', '--each', jsonl('{"n":1}')], {
      record: file,
    });
    await until(() => recorded(file).some((one) => 'start' in one));
    child.kill('SIGTERM');
    const { stderr, code } = await ended;
    assert.match(stderr, /1 run goes on without this terminal/);
    assert.equal(code, 143);
    assert.deepEqual(recorded(file).at(-1), { closed: { handOver: true } });
  });
});

const DEADLINE_MS = 20_000;

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
