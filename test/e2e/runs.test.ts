/** What a run is: its order, states, ids, parameters, macros and exit code. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf, statesOf, stepsOf, word } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

test('one command on a clean machine runs a pipeline, and its history is there afterwards', async () => {
  const file = place.write('hello.yaml', 'name: hello\nprocessors:\n  greet: { run: echo hello }\n');
  const stdout = await place.out(['run', file]);
  const [, id] = /^\S+ hello {2}(\w{27}) {2}1 processor$/m.exec(stdout)!;
  assert.match(stdout, new RegExp(`^Succeeded in \\S+: 1 processor, 1 succeeded {2}${id}$`, 'm'));

  assert.equal(statSync(place.home).mode & 0o777, 0o700);
  const [listed] = await place.json(['runs', 'list']);
  assert.deepEqual([listed.runId, listed.state], [id, 'RUN_STATE_SUCCEEDED']);
  assert.equal(await place.out(['runs', 'logs', id!]), 'hello\n');
});

const DIAMOND = `
name: diamond
processors:
  a: { run: echo top }
  b: { needs: a, run: echo left }
  c: { needs: [a], run: echo right; exit $FAIL }
  d: { needs: [b, c], run: cat "$WIZ_INPUT" }
params: { fail: 0 }
`;

test('a diamond: the join starts after both branches, and is handed what they printed', async () => {
  place.write('diamond.yaml', DIAMOND);
  const events = eventsOf(await place.out(['run', 'diamond.yaml', '--json']));
  const steps = stepsOf(events);
  const at = (step: string) => steps.indexOf(step);
  assert.equal(steps.length, 8);
  for (const branch of ['b', 'c']) {
    assert.ok(at('ended a') < at(`started ${branch}`), steps.join());
    assert.ok(at(`ended ${branch}`) < at('started d'), steps.join());
  }
  for (const [name, states] of statesOf(events))
    assert.deepEqual(states, ['Idle', 'Running', 'Succeeded'], name);
  const ended = events.at(-1)!;
  assert.equal(word('RUN', ended.runEnded.state), 'Succeeded');
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => i + 1),
  );

  const { processors } = await place.json(['runs', 'get', ended.run]);
  assert.deepEqual(JSON.parse(processors[3].output.text), {
    params: { fail: 0 },
    context: {},
    outputs: { b: { text: 'left\n', lines: ['left'] }, c: { text: 'right\n', lines: ['right'] } },
    files: { b: {}, c: {} },
  });
});

test('a failure ends what depends on it, not its siblings, and the run with exit 1', async () => {
  place.write('diamond.yaml', DIAMOND);
  const failed = await place.run(['run', 'diamond.yaml', '-p', 'fail=3', '--json']);
  assert.equal(failed.code, 1, failed.stderr);
  const events = eventsOf(failed.stdout);
  assert.deepEqual(Object.fromEntries(statesOf(events)), {
    a: ['Idle', 'Running', 'Succeeded'],
    b: ['Idle', 'Running', 'Succeeded'],
    c: ['Idle', 'Running', 'Failed'],
    d: ['Idle', 'Idle'],
  });
  assert.equal(word('RUN', events.at(-1)!.runEnded.state), 'Failed');
  const { run, processors } = await place.json(['runs', 'get', events[0]!.run]);
  assert.equal(run.reason, 'processor-failed');
  assert.deepEqual(
    processors.map(({ reason }: { reason?: string }) => reason ?? ''),
    ['', '', 'exit-code', 'upstream-failed'],
  );
  assert.equal(processors[2].attempts[0].exitCode, 3);
});

test('onFailure: warn leaves a warning, and what depends on it runs', async () => {
  place.write(
    'warn.yaml',
    `name: warn
processors:
  shaky: { run: exit 4, onFailure: warn }
  after: { needs: shaky, run: echo went on }
`,
  );
  const stdout = await place.out(['run', 'warn.yaml']);
  assert.match(stdout, /^\S+ shaky {2}Failed .*warning: exit-code/m);
  assert.match(stdout, /^warning: .*shaky/m);
  const { run, processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
  assert.match(run.warnings.join(), /shaky/);
  assert.deepEqual([processors[0].state, processors[0].warning], ['PROCESSOR_STATE_FAILED', true]);
  assert.deepEqual(processors[1].output.text, 'went on\n');
});

test('ids are 27 characters, and sorted they are sorted by time', async () => {
  place.write('noop.yaml', 'name: noop\nprocessors:\n  nothing: { uses: noop }\n');
  for (let n = 0; n < 2; n++) await place.out(['run', 'noop.yaml']);
  const runs = await place.json(['runs', 'list', '--limit', '500']);
  const ids = runs.map(({ runId }: { runId: string }) => runId);
  assert.ok(ids.length >= 2);
  assert.deepEqual(ids, [...ids].sort().reverse());
  assert.deepEqual(
    ids,
    [...runs].sort((a, b) => b.createdUnixMs - a.createdUnixMs).map(({ runId }) => runId),
  );
  for (const id of ids) assert.match(id, /^[0-9A-Za-z]{27}$/);
});

test('two inputs are two runs with outputs of their own; params have types and defaults', async () => {
  place.write(
    'typed.yaml',
    `name: typed
params:
  word: { required: true }
  times: 2
  api-url: { default: "http://x", description: somewhere }
  loud: { type: boolean, default: false }
  extra: { type: json, default: { a: [1] } }
processors:
  say:
    run: printf '%s %s %s %s %s' "$WORD" "$TIMES" "$API_URL" "$LOUD" "$EXTRA"
  params: { run: cat "$WIZ_INPUT" }
`,
  );
  const outputs = new Map<string, string>();
  const runOf = async (args: string[]) => {
    const [{ run }] = eventsOf(await place.out(['run', 'typed.yaml', '--json', ...args]));
    const { processors } = await place.json(['runs', 'get', run]);
    outputs.set(run, processors[0].output.text);
    return JSON.parse(processors[1].output.text).params;
  };
  assert.deepEqual(await runOf(['-p', 'word=a b']), {
    word: 'a b',
    times: 2,
    'api-url': 'http://x',
    loud: false,
    extra: { a: [1] },
  });
  const given = [
    '-p',
    'word=07',
    '-p',
    'times=3',
    '-p',
    'loud=true',
    '-p',
    'extra=[null]',
    '-p',
    'api-url=y=z',
  ];
  assert.deepEqual(await runOf(given), {
    word: '07',
    times: 3,
    'api-url': 'y=z',
    loud: true,
    extra: [null],
  });
  assert.deepEqual([...outputs.values()], ['a b 2 http://x false {"a":[1]}', '07 3 y=z true [null]']);

  const before = await place.json(['runs', 'list']);
  const wrong = await place.run(['run', 'typed.yaml', '-p', 'times=many', '-p', 'wrd=x']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /times/);
  assert.match(wrong.stderr, /wrd.*\n.*(Did you mean )?"?word/);
  assert.deepEqual(await place.json(['runs', 'list']), before);
});

test('macros are fixed in program, with, env and context, and left to the shell in run', async () => {
  place.write(
    'macros.yaml',
    `name: macros
params: { count: 7, who: you }
context: { GREETING: "hello \${WHO}" }
processors:
  argv: { program: [printf, "%s|", "\${GREETING}", "\${PIPELINE}", "\${RUN_ID}", "$\${WHO}", "$WHO"] }
  option: { uses: noop, with: { output: { n: "\${COUNT}", text: "\${COUNT} of \${WHO}", day: "\${DATE}" } } }
  script: { run: 'echo "$SEEN \${GREETING} \${DATE:-unset} \${COUNTER:-unset}"', env: { SEEN: "\${WHO}-\${COUNT}" } }
`,
  );
  const [{ run }] = eventsOf(await place.out(['run', 'macros.yaml', '--json', '-p', 'who=me']));
  const { processors } = await place.json(['runs', 'get', run]);
  const [argv, option, script] = processors;
  assert.equal(argv.output.text, `hello me|macros|${run}|\${WHO}|$WHO|`);
  const { day, ...others } = JSON.parse(option.output.json);
  assert.match(day, /^\d{4}-\d\d-\d\d$/);
  assert.deepEqual(others, { n: 7, text: '7 of me' });
  assert.equal(script.output.text, `me-7 hello me ${day} unset\n`);
});

test('programs run in the folder of the file, wherever wiz was called', async () => {
  const file = place.write(
    'below/here.yaml',
    `name: here
processors:
  at: { run: pwd > at }
  sub: { workdir: sub, run: pwd > at }
`,
  );
  place.write('below/sub/x', '');
  await place.out(['run', file], { cwd: '/' });
  const below = join(place.folder, 'below');
  assert.equal(readFileSync(join(below, 'at'), 'utf8'), `${below}\n`);
  assert.equal(readFileSync(join(below, 'sub/at'), 'utf8'), `${below}/sub\n`);
});

test('exit codes: 2 for usage and names that are not there, 3 for a state folder that cannot be had', async () => {
  const cases: [string[], number, RegExp][] = [
    [['rus'], 2, /Did you mean `wiz run`/],
    [['run', 'x.yaml', '--wtach'], 2, /--wtach/],
    [['run', 'not-applied'], 2, /not-applied/],
    [['run', 'nowhere.yaml'], 2, /nowhere\.yaml/],
    [['runs', 'get', 'nosuchrun'], 2, /nosuchrun/],
  ];
  const ended = await Promise.all(cases.map(([args]) => place.run(args)));
  cases.forEach(([args, code, pattern], i) => {
    assert.equal(ended[i]!.code, code, `${args.join(' ')}: ${ended[i]!.stderr}`);
    assert.match(ended[i]!.stderr, pattern);
    assert.equal(ended[i]!.stdout, '');
  });
  const file = place.write('a-file', '');
  const nowhere = await place.run(['runs', 'list'], { env: { WIZ_HOME: join(file, 'home') } });
  assert.equal(nowhere.code, 3, nowhere.stderr);
  assert.match(nowhere.stderr, /WIZ_HOME/);
});
