/** Processors with `each` and `matrix`: order, width, failures, retries, cancel, and a wiz that dies in the middle. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf, startedIn } from './journal.ts';
import { newPlace, until } from './place.ts';
import { isAlive, peakOf, pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

const file = (name: string) => join(place.folder, name);
const linesOf = (name: string) =>
  existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim().split('\n') : [];

interface Shown {
  name: string;
  state: string;
  reason?: string;
  message?: string;
  attempts?: unknown[];
  output?: { text?: string; json?: string };
  instances?: { counts: Record<string, number> };
}

async function processorsOf(run = 'latest', args: string[] = []): Promise<Map<string, Shown>> {
  const { processors } = await place.json(['runs', 'get', run, ...args]);
  return new Map(processors.map((shown: Shown) => [shown.name, shown]));
}

async function texts(name: string, run = 'latest'): Promise<string[]> {
  const shown = await processorsOf(run, ['--instances', name]);
  return [...shown.values()].map(({ output }) => (output?.text ?? output?.json ?? '').trimEnd());
}

test('a list of 10,000 that is known only at run time: as many instances, joined in order', async () => {
  place.write(
    'many.yaml',
    `name: many
processors:
  list: { run: seq 10000 }
  each: { needs: list, each: "\${{ outputs.list.lines }}", uses: noop, with: { output: "\${{ {'n': int(item), 'index': index} }}" } }
  join: { needs: each, run: "echo \${{ size(outputs.each) }} \${{ outputs.each == range(10000).map(i, {'n': i + 1, 'index': i}) }}" }
`,
  );
  const { code, stdout } = await place.run(['run', 'many.yaml', '--json']);
  assert.equal(code, 0);
  const events = eventsOf(stdout);
  const started = startedIn(events).filter((name) => name.startsWith('each'));
  assert.equal(new Set(started).size, 10_000);
  assert.equal(started.length, 10_000);
  const { each, join } = Object.fromEntries(await processorsOf());
  assert.deepEqual(each!.instances!.counts, { succeeded: 10_000 });
  assert.equal(join!.output!.text, '10000 true\n');
});

test('lists of every kind; what is no list fails with what it is', async () => {
  place.write(
    'lists.yaml',
    `name: lists
params: { list: { type: json, default: [1, 2] } }
processors:
  json: { run: "echo '{\\"map\\": {\\"a\\": 1, \\"b\\": [2]}, \\"none\\": [], \\"nil\\": null, \\"text\\": \\"x\\"}'", data: json }
  text: { run: "printf 'a\\\\n\\\\nb'" }
  bytes: { run: "printf '\\\\377'" }
  files: { run: 'for i in 1 2; do echo "in $i" > "$WIZ_FILES/f$i.txt"; done' }
  literal: { each: [a, "x\${PIPELINE}", "\${{ params.list }}", 4], run: "echo \${{ item }} $WIZ_INDEX" }
  param: { each: "\${LIST}", run: "echo \${{ item + 1 }}" }
  map: { needs: json, each: "\${{ outputs.json.map }}", run: "echo \${{ item.key }}=\${{ item.value }}" }
  lines: { needs: text, each: "\${{ outputs.text }}", run: "echo [\${{ item }}]" }
  paths: { needs: files, each: "\${{ files.files }}", program: [cat, "\${{ item.value }}"] }
  values: { needs: files, each: "\${{ files.files.values() }}", run: "basename \${{ item }}; cat \${{ item }}" }
  nested: { needs: lines, each: "\${{ outputs.lines }}", run: "echo \${{ index }} \${{ item.text.trim() }} > \\"$WIZ_FILES/left.txt\\"; echo '<\${{ item.lines[0] }}>'" }
  deeper: { needs: nested, each: "\${{ files.nested }}", run: "cat \${{ item.value }}" }
  product: { needs: nested, matrix: { a: "\${{ outputs.nested }}", b: [x, y] }, run: "echo \${{ item.a.text.trim() }} \${{ item.b }}" }
  empty: { needs: json, each: "\${{ outputs.json.none }}", run: exit 1 }
  afterEmpty: { needs: empty, run: "echo \${{ outputs.empty }}" }
  noProduct: { matrix: { a: [1, 2], b: [] }, run: exit 1 }
`,
  );
  await place.out(['run', 'lists.yaml']);
  assert.deepEqual(await texts('literal'), ['a 0', 'xlists 1', '[1,2] 2', '4 3']);
  assert.deepEqual(await texts('param'), ['2', '3']);
  assert.deepEqual(await texts('map'), ['a=1', 'b=[2]']);
  assert.deepEqual(await texts('lines'), ['[a]', '[]', '[b]']);
  assert.deepEqual(await texts('paths'), ['in 1', 'in 2']);
  assert.deepEqual(await texts('values'), ['f1.txt\nin 1', 'f2.txt\nin 2']);
  assert.deepEqual(await texts('nested'), ['<[a]>', '<[]>', '<[b]>']);
  assert.deepEqual(await texts('deeper'), ['0 [a]', '1 []', '2 [b]']);
  assert.deepEqual(await texts('product'), ['<[a]> x', '<[a]> y', '<[]> x', '<[]> y', '<[b]> x', '<[b]> y']);
  const { afterEmpty, noProduct } = Object.fromEntries(await processorsOf());
  assert.deepEqual([afterEmpty!.output!.text, noProduct!.state], ['[]\n', 'PROCESSOR_STATE_SUCCEEDED']);

  place.write(
    'no-lists.yaml',
    `name: no-lists
processors:
  json: { run: "echo '{\\"nil\\": null, \\"text\\": \\"x\\", \\"number\\": 5}'", data: json }
  bytes: { run: "printf '\\\\377'" }
  none: { uses: noop }
  files: { run: 'echo 1 > "$WIZ_FILES/a.txt"' }
  ofNull: { needs: json, each: "\${{ outputs.json.nil }}", run: echo }
  ofText: { needs: json, each: "\${{ outputs.json.text }}", run: echo }
  ofNumber: { needs: json, matrix: { a: [1], b: "\${{ outputs.json.number }}" }, run: echo }
  ofBytes: { needs: bytes, each: "\${{ outputs.bytes }}", run: echo }
  ofNone: { needs: none, each: "\${{ outputs.none }}", run: echo }
  ofFile: { needs: files, each: "\${{ files.files['a.txt'] }}", run: echo }
  ofTooMany: { matrix: { a: "\${{ range(1001) }}", b: "\${{ range(1001) }}" }, run: echo }
`,
  );
  assert.equal((await place.run(['run', 'no-lists.yaml'])).code, 1);
  const shown = [...(await processorsOf()).values()].filter(({ reason }) => reason);
  assert.deepEqual(
    Object.fromEntries(shown.map(({ name, reason, message }) => [name, `${reason}: ${message}`])),
    {
      ofNull: 'bad-list: each wants a list, and ${{ outputs.json.nil }} is null (no output)',
      ofText: 'bad-list: each wants a list, and ${{ outputs.json.text }} is the text "x"',
      ofNumber: 'bad-list: matrix.b wants a list, and ${{ outputs.json.number }} is the number 5',
      ofBytes: 'bad-list: each wants a list, and ${{ outputs.bytes }} is bytes (application/octet-stream)',
      ofNone: 'bad-list: each wants a list, and ${{ outputs.none }} is null (no output)',
      ofFile: `bad-list: each wants a list, and \${{ files.files['a.txt'] }} is the file a.txt`,
      ofTooMany: 'bad-list: matrix gives 1,002,001 instances, and 1,000,000 is the most',
    },
  );
});

test('an item of 10 MB goes into a script, an input and standard input', async () => {
  place.write(
    'large.yaml',
    `name: large
processors:
  list: { run: 'node -e "console.log(JSON.stringify([String.fromCharCode(120).repeat(1e7), 3]))"', data: json }
  script: { needs: list, each: "\${{ outputs.list }}", run: "item=\${{ item }}; echo \${#item}" }
  stdin: { needs: list, each: "\${{ outputs.list }}", data: text, run: wc -c }
  input: { needs: list, each: "\${{ outputs.list }}", run: node -p 'JSON.parse(fs.readFileSync(process.env.WIZ_INPUT)).item.length' }
`,
  );
  await place.out(['run', 'large.yaml']);
  assert.deepEqual(await texts('script'), ['10000000', '1']);
  assert.deepEqual(await texts('stdin'), ['10000000', '1']);
  assert.deepEqual(await texts('input'), ['10000000', 'undefined']);
});

test('no more than width at once; failFast ends the others; without it all are tried', async () => {
  const body = (more: string) => `
    each: \${{ range(12) }}
    ${more}
    run: |
      printf + >> $NAME; trap 'printf - >> $NAME' EXIT
      sleep 0.05; test \${{ index }} != 4
      echo done`;
  place.write(
    'failing.yaml',
    `name: failing
processors:
  narrow: { each: "\${{ range(8) }}", width: 2, run: "printf + >> log-narrow; sleep 0.05; printf - >> log-narrow" }
  all:
    env: { NAME: log-all }${body('width: 3')}
  fast:
    env: { NAME: log-fast }${body('width: 1\n    failFast: true')}
  after: { needs: all, rule: all-done, run: "echo \${{ outputs.all.map(o, o == null ? '-' : '+').join('') }}" }
  warned: { each: [1, 2], onFailure: warn, run: "test \${{ item }} = 1" }
  afterWarned: { needs: warned, run: echo on }
`,
  );
  const run = await place.run(['run', 'failing.yaml']);
  assert.equal(run.code, 1, run.stderr);
  assert.equal(peakOf(readFileSync(file('log-narrow'), 'utf8')), 2);
  const { all, fast, after, afterWarned } = Object.fromEntries(await processorsOf());
  assert.deepEqual([all!.reason, all!.instances!.counts], ['instances-failed', { failed: 1, succeeded: 11 }]);
  assert.match(all!.message!, /^all\[4\] failed: exited with code 1/);
  assert.deepEqual(fast!.instances!.counts, { idle: 7, failed: 1, succeeded: 4 });
  assert.equal(readFileSync(file('log-fast'), 'utf8'), '+-'.repeat(5));
  assert.equal(after!.output!.text, '++++-+++++++\n');
  assert.equal(afterWarned!.state, 'PROCESSOR_STATE_SUCCEEDED');
  assert.match(run.stdout, /all\[4\] {2}Failed/);
});

test('retries are those of an instance; wiz runs retry does only what failed', async () => {
  place.write(
    'retried.yaml',
    `name: retried
processors:
  list: { run: "echo list >> ran; seq 50" }
  each:
    needs: list
    each: \${{ outputs.list.lines }}
    retries: { limit: 2, backoff: { initial: 10ms } }
    run: |
      echo "\${{ item }}.$WIZ_ATTEMPT" >> ran
      if [ \${{ item }} = 7 ]; then test $WIZ_ATTEMPT = 3; fi
      if [ \${{ item }} = 9 ]; then test -e fixed; fi
      echo \${{ item }}
    data: json
  join: { needs: each, run: "echo join >> ran; echo \${{ outputs.each.sum() }}" }
`,
  );
  assert.equal((await place.run(['run', 'retried.yaml'])).code, 1);
  const ran = linesOf('ran');
  assert.equal(ran.length, 1 + 50 + 2 + 2);
  assert.deepEqual(
    ran.filter((line) => line.startsWith('7.')),
    ['7.1', '7.2', '7.3'],
  );
  assert.deepEqual(
    ran.filter((line) => line.startsWith('9.')),
    ['9.1', '9.2', '9.3'],
  );
  rmSync(file('ran'));
  writeFileSync(file('fixed'), '');
  const started = startedIn(eventsOf(await place.out(['runs', 'retry', 'latest', '--json'])));
  assert.deepEqual(started, ['each[8]', 'join']);
  assert.deepEqual(linesOf('ran'), ['9.4', 'join']);
  assert.equal((await processorsOf()).get('join')!.output!.text, '1275\n');
  rmSync(file('fixed'));
});

test('logs of an instance, of all of them, and of one that is not there', async () => {
  place.write(
    'logs.yaml',
    `name: logs
processors:
  each: { each: [a, b], retries: 0, run: "echo out \${{ item }}; echo err \${{ item }} >&2" }
`,
  );
  await place.out(['run', 'logs.yaml']);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'each[1]', '--stdout']), 'out b\n');
  assert.equal(
    await place.out(['runs', 'logs', 'latest', 'each', '--stdout']),
    'each[0] | out a\neach[1] | out b\n',
  );
  for (const name of ['each[2]', 'each[-1]', 'each[x]']) {
    const { code, stderr } = await place.run(['runs', 'logs', 'latest', name]);
    assert.equal(code, 2, name);
    assert.match(stderr, /has 2 instances, counted from 0/);
  }
});

test('Ctrl-C in the middle ends every instance, and nothing is left', async () => {
  place.write(
    'cancelled.yaml',
    `name: cancelled
processors:
  each: { each: "\${{ range(500) }}", run: "echo $$ > pid-$WIZ_INDEX.part; mv pid-$WIZ_INDEX.part pid-$WIZ_INDEX; sleep 300" }
  after: { needs: each, run: echo after }
`,
  );
  const run = place.start(['run', 'cancelled.yaml']);
  const pid = await pidIn(file('pid-0'));
  run.child.kill('SIGINT');
  const { code, stdout } = await run.ended;
  assert.equal(code, 1, stdout);
  assert.ok(!isAlive(pid));
  const { each, after } = Object.fromEntries(await processorsOf());
  assert.deepEqual([each!.state, each!.reason], ['PROCESSOR_STATE_FAILED', 'cancelled']);
  assert.equal(after!.state, 'PROCESSOR_STATE_IDLE');
  const { counts } = each!.instances!;
  assert.equal((counts.idle ?? 0) + (counts.failed ?? 0), 500);
  assert.equal((await place.json(['runs', 'get', 'latest'])).run.state, 'RUN_STATE_FAILED');
});

test('kill -9 of wiz in the middle: another manager goes on, and every instance has run once', async () => {
  place.write(
    'killed.yaml',
    `name: killed
processors:
  list: { run: seq 300 }
  each: { needs: list, each: "\${{ outputs.list.lines }}", run: "echo \${{ item }} >> ran-once; echo \${{ item }}", data: json }
  join: { needs: each, run: "echo \${{ outputs.each.sum() }}" }
`,
  );
  const first = place.start(['run', 'killed.yaml']);
  await until('some have run', () => linesOf('ran-once').length > 20);
  first.child.kill('SIGKILL');
  await first.ended;
  const before = linesOf('ran-once').length;
  assert.ok(before < 300, `${before} had run`);
  await place.out(['runs', 'watch', 'latest']);
  const ran = linesOf('ran-once').map(Number);
  assert.deepEqual(
    ran.toSorted((a, b) => a - b),
    Array.from({ length: 300 }, (_, n) => n + 1),
  );
  assert.equal((await processorsOf()).get('join')!.output!.text, '45150\n');
});
