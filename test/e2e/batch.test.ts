/** `wiz run --each`: a run for each param set, and their results in the order in which they were submitted. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace, until } from './place.ts';
import { isAlive, peakOf } from './programs.ts';

const place = newPlace();
after(() => place.leave());

const file = (name: string) => join(place.folder, name);
const results = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const runs = async () => (await place.json(['runs', 'list', '--limit', '100'])).length;

test('four tasks, four results in order, however they end', async () => {
  // Each waits for the one behind it, so they end in the opposite order.
  place.write(
    'tasks.yaml',
    `name: tasks
params: { n: { type: integer, required: true }, text: { default: none } }
processors:
  wait: { run: "while [ $N -lt 4 ] && [ ! -e done-$((N + 1)) ]; do sleep 0.02; done; echo $N >> order; touch done-$N" }
  text: { needs: wait, run: "echo '\${{ params.text }}' $N" }
  json: { needs: wait, run: "echo \\"{\\\\\\"n\\\\\\": $N}\\"", data: json }
  each: { needs: wait, each: [1, 2], run: "echo \${{ item * params.n }}", data: json }
`,
  );
  place.write('tasks.jsonl', '{"n": 1, "text": "it\'s 🦊"}\n{"n": 2}\n\n{"n": 3}\r\n{"n": 4}\n');
  const { code, stdout } = await place.run(['run', 'tasks.yaml', '--each', 'tasks.jsonl', '--json']);
  assert.equal(code, 0);
  assert.equal(readFileSync(file('order'), 'utf8'), '4\n3\n2\n1\n');
  assert.deepEqual(
    results(stdout).map(({ run, ...rest }) => rest),
    [1, 2, 3, 4].map((n) => {
      const text = n === 1 ? "it's 🦊" : 'none';
      return {
        index: n - 1,
        state: 'Succeeded',
        reason: '',
        params: n === 1 ? { n, text } : { n },
        outputs: { text: { text: `${text} ${n}\n`, lines: [`${text} ${n}`] }, json: { n }, each: [n, 2 * n] },
      };
    }),
  );
  assert.deepEqual(
    (await place.json(['runs', 'list'])).map(({ runId }: { runId: string }) => runId).sort(),
    results(stdout)
      .map(({ run }) => run)
      .sort(),
  );
});

test('standard input, a JSON array, --param, width; one that fails does not stop the others', async () => {
  place.write(
    'some.yaml',
    `name: some
params: { n: 0, base: 0 }
processors:
  work: { run: "printf + >> log; sleep 0.1; printf - >> log; test $N != 1; echo $((N + BASE))" }
`,
  );
  const sets = JSON.stringify([{ n: 0 }, { n: 1 }, { n: 2, base: 1 }, { n: 3 }]);
  const args = ['run', 'some.yaml', '--each', '-', '-p', 'base=10', '--width', '2'];
  const json = await place.run([...args, '--json'], { input: sets });
  assert.equal(json.code, 1);
  assert.deepEqual(
    results(json.stdout).map(({ state, reason, outputs }) => [state, reason, outputs.work?.text]),
    [
      ['Succeeded', '', '10\n'],
      ['Failed', 'processor-failed', undefined],
      ['Succeeded', '', '3\n'],
      ['Succeeded', '', '13\n'],
    ],
  );
  assert.equal(peakOf(readFileSync(file('log'), 'utf8')), 2);

  const plain = await place.run(args, { input: sets });
  assert.equal(plain.code, 1);
  const lines = plain.stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => /^(\d) {2}(\w+)/.exec(line)!.slice(1)),
    [
      ['0', 'Succeeded'],
      ['1', 'Failed'],
      ['2', 'Succeeded'],
      ['3', 'Succeeded'],
    ],
  );
  assert.match(lines[1]!, /processor-failed: work: exited with code 1$/);
  assert.match(plain.stderr, /^4 runs: 3 succeeded, 1 failed$/m);
});

test('bad lines: all are told, and nothing is started', async () => {
  place.write(
    'strict.yaml',
    'name: strict\nparams: { n: { type: integer, required: true } }\nprocessors: { a: { run: "echo $N" } }\n',
  );
  const before = await runs();
  for (const [text, ...told] of [
    [
      '{"n": 1}\n{"n": "x"}\n{}\n{"m": 1, "n": 2}\n',
      ':2:2: param "n" must be a whole number',
      ':3:1: param "n" is required',
      ':4:2: the pipeline has no param "m"',
    ],
    ['{"n": 1}\n{"n": 2\n', ':2:8: this is no JSON'],
    [
      '{"n": 1}\n[2]\n5\n',
      ':2:1: params are one JSON object, not a list',
      ':3:1: params are one JSON object, not a number',
    ],
    ['', 'holds no params'],
    ['[]', 'holds no params'],
  ] as const) {
    place.write('bad.jsonl', text);
    const { code, stdout, stderr } = await place.run(['run', 'strict.yaml', '--each', 'bad.jsonl']);
    assert.deepEqual([code, stdout], [2, ''], text);
    for (const part of told) assert.ok(stderr.includes(part), `${part}\n${stderr}`);
  }
  for (const [args, told] of [
    [['strict.yaml', '--each', 'absent.jsonl'], /cannot read absent\.jsonl/],
    [['strict.yaml', '--each', '.'], /it is a folder/],
    [['nowhere', '--each', '-'], /There is no pipeline "nowhere"/],
    [['strict.yaml', '--each', '-', '--width', '0'], /greater than or equal to 1/],
    [['strict.yaml', '--each', '-', '--plan'], /--plan/],
    [['-', '--each', '-'], /cannot both be standard input/],
  ] as const) {
    const { code, stderr } = await place.run(['run', ...args], { input: '{"n": 1}' });
    assert.equal(code, 2, stderr);
    assert.match(stderr, told);
  }
  assert.equal(await runs(), before);
});

test('Ctrl-C cancels the runs that go on and starts no more', async () => {
  place.write(
    'long.yaml',
    'name: long\nparams: { n: 0 }\nprocessors: { a: { run: "echo $$ >> pids; exec sleep 300" } }\n',
  );
  place.write('long.jsonl', Array.from({ length: 5 }, (_, n) => `{"n": ${n}}\n`).join(''));
  const before = await runs();
  const run = place.start(['run', 'long.yaml', '--each', 'long.jsonl', '--width', '2']);
  const pids = () => (existsSync(file('pids')) ? readFileSync(file('pids'), 'utf8').trim().split('\n') : []);
  await until('two have started', () => pids().length === 2);
  run.child.kill('SIGINT');
  const { code, stdout, stderr } = await run.ended;
  assert.equal(code, 1, stderr);
  assert.equal(stdout.trimEnd().split('\n').length, 2);
  assert.match(stdout, /^0 {2}Failed .*cancelled/);
  assert.match(stderr, /5 runs: 0 succeeded, 2 failed, 3 not started/);
  assert.deepEqual(
    pids().filter((pid) => isAlive(Number(pid))),
    [],
  );
  assert.equal(await runs(), before + 2);
});

test('kill -9 in the middle: the runs that were started go on under another manager', async () => {
  place.write(
    'held.yaml',
    'name: held\nparams: { n: 0 }\nprocessors: { a: { run: "echo $N >> held; while [ ! -e go ]; do sleep 0.05; done" } }\n',
  );
  place.write('held.jsonl', '{"n": 1}\n{"n": 2}\n{"n": 3}\n');
  const run = place.start(['run', 'held.yaml', '--each', 'held.jsonl', '--width', '2']);
  const held = () => (existsSync(file('held')) ? readFileSync(file('held'), 'utf8').trim().split('\n') : []);
  await until('two have started', () => held().length === 2);
  run.child.kill('SIGKILL');
  await run.ended;
  place.write('go', '');
  const list = await place.json(['runs', 'list', '--pipeline', 'held']);
  assert.equal(list.length, 2);
  for (const { runId } of list) await place.out(['runs', 'watch', runId]);
  assert.deepEqual(held().toSorted(), ['1', '2']);
});
