/** The cache as a user meets it: what runs again after a change and why, what --plan says beforehand, what is kept. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf, startedIn } from './journal.ts';
import { newPlace, type Options } from './place.ts';

const place = newPlace();
after(() => place.leave());

/** Without the numbers of instances, each once, sorted. */
const names = (all: string[]) => [...new Set(all.map((name) => name.replace(/\[.*/, '')))].sort();

interface Planned {
  name: string;
  verdict: string;
  reason?: string;
  instances?: number;
  cachedInstances?: number;
}

interface Outcome {
  code: number | string | null;
  /** Processors of which something was started. */
  started: string[];
  /** Reason of each decision of the cache that is not a reuse, of instances that of the first. */
  reasons: Record<string, string>;
  stdout: string;
}

async function run(args: string[], options?: Options): Promise<Outcome> {
  const { code, stdout, stderr } = await place.run([...args, '--json'], options);
  assert.equal(stderr, '');
  const events = eventsOf(stdout);
  const reasons: Record<string, string> = {};
  for (const { attemptStarted } of events) {
    if (attemptStarted?.cache)
      reasons[attemptStarted.processor.replace(/\[.*/, '')] ??= attemptStarted.cache.reason;
  }
  return { code, started: names(startedIn(events)), reasons, stdout };
}

async function plan(args: string[], options?: Options): Promise<{ code: unknown; processors: Planned[] }> {
  const { code, stdout } = await place.run([...args, '--plan', '--json'], options);
  return { code, processors: JSON.parse(stdout).processors };
}

/** What a plan has as sure to run is started, what it has as cached is not, and what is open was rightly so. */
async function runAsPlanned(args: string[], options?: Options): Promise<Outcome> {
  const planned = await plan(args, options);
  const outcome = await run(args, options);
  const verdicts = (verdict: string) =>
    planned.processors.filter((one) => one.verdict === verdict).map(({ name }) => name);
  const [started, open] = [new Set(outcome.started), verdicts('open')];
  assert.deepEqual(
    names(outcome.started.filter((name) => !open.includes(name))),
    verdicts('run').sort(),
    JSON.stringify(planned),
  );
  assert.ok(verdicts('cached').every((name) => !started.has(name)));
  const quiet = verdicts('run').length === 0 && open.length === 0;
  assert.equal(planned.code, quiet ? 0 : 10);
  for (const { name, verdict, reason } of planned.processors) {
    const expected = outcome.reasons[name];
    // Of instances a plan also says how many; of a list that is not known yet, only that.
    if (verdict === 'run' && expected && !/^its list/.test(reason!)) {
      assert.equal(reason!.replace(/ \(\d+ of \d+ instances\)$/, ''), expected, name);
    }
  }
  return outcome;
}

const PIPELINE = `name: cached
params: { n: 1, other: 1 }
context: { CTX: c, UNUSED: u }
cache: true
processors:
  source: { run: 'cat in/*.txt; echo KEY=v > $WIZ_CONTEXT', cache: { inputs: "in/*.txt" } }
  param: { run: echo $N }
  script: { run: echo one }
  variable: { run: "echo $LANGUAGE_OF_TEST", cache: { env: LANGUAGE_OF_TEST } }
  version: { run: echo, cache: { version: 1 } }
  tool: { program: [./tool.sh, argument.txt] }
  leaf: { needs: source, run: "echo \${{ size(outputs.source.lines) }} $KEY" }
  whole: { needs: [param, script], run: "wc -c < $WIZ_INPUT" }
  each: { needs: source, each: [1, 2, 3], run: "echo x\${{ item }} $CTX > $WIZ_FILES/x; echo \${{ item }}", data: json }
  join: { needs: each, run: "cat \${{ files.each['1/x'] }}; echo \${{ outputs.each.sum() }}" }
  item: { needs: param, each: [10, "\${{ int(outputs.param.lines[0]) }}", 30], run: "echo \${{ item }}" }
`;
const ALL = names([...PIPELINE.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name!));

function prepare(): string[] {
  place.write('cached.yaml', PIPELINE);
  place.write('in/a.txt', 'a\n');
  place.write('argument.txt', 'x\n');
  chmodSync(place.write('tool.sh', '#!/bin/sh\ncat "$1"\n'), 0o755);
  return ['run', 'cached.yaml'];
}

test('an unchanged pipeline executes nothing; a change runs exactly what depends on it, as planned, and says why', async () => {
  const args = prepare();
  const first = await runAsPlanned(args);
  assert.deepEqual([first.code, first.started], [0, ALL]);
  assert.equal(first.reasons.source, 'first run');
  const again = await runAsPlanned(args);
  assert.deepEqual([again.code, again.started], [0, []]);
  const outputs = async () =>
    (await place.json(['runs', 'get', 'latest'])).processors.map(
      ({ name, output, instances }: Record<string, unknown>) => [
        name,
        output,
        (instances as { counts: object })?.counts,
      ],
    );
  const before = await outputs();

  const edit = (from: string, to: string) => {
    const text = readFileSync(join(place.folder, 'cached.yaml'), 'utf8');
    assert.ok(text.includes(from));
    place.write('cached.yaml', text.replace(from, to));
  };
  const written = (name: string, text: string): [string[]] => {
    place.write(name, text);
    return [[]];
  };
  const changes: [
    what: string,
    change: () => [string[], Options?],
    runs: string[],
    reasons: Record<string, RegExp>,
  ][] = [
    [
      'an input file, whose reader gives something else',
      () => written('in/a.txt', 'a\nb\n'),
      ['each', 'leaf', 'source'],
      { source: /^changed: file in\/a\.txt$/, leaf: /output source/, each: /output source/ },
    ],
    [
      'another input file, whose name fits',
      () => written('in/b.txt', ''),
      ['source'],
      { source: /^changed: file in\/b\.txt$/ },
    ],
    [
      'a param',
      () => [['-p', 'n=2']],
      ['item', 'param', 'whole'],
      { param: /^changed: param n$/, whole: /output param/, item: /^changed: / },
    ],
    ['a param that only one sees whole', () => [['-p', 'other=2']], ['whole'], { whole: /param other/ }],
    [
      'a variable',
      () => [[], { env: { LANGUAGE_OF_TEST: 'de' } }],
      ['variable'],
      { variable: /^changed: env LANGUAGE_OF_TEST$/ },
    ],
    [
      'a script',
      () => {
        edit('echo one', 'echo two');
        return [[]];
      },
      ['script', 'whole'],
      { script: /^changed: script$/, whole: /^changed: output script$/ },
    ],
    [
      'a script that gives the same',
      () => {
        edit('echo two', 'echo  two');
        return [[]];
      },
      ['script'],
      { script: /^changed: script$/ },
    ],
    [
      'a version',
      () => {
        edit('version: 1', 'version: 2');
        return [[]];
      },
      ['version'],
      { version: /^changed: cache\.version$/ },
    ],
    [
      'a file that is an argument',
      () => written('argument.txt', 'y\n'),
      ['tool'],
      { tool: /^changed: file argument\.txt$/ },
    ],
    [
      'the program',
      () => written('tool.sh', '#!/bin/sh\ncat "$1" "$1"\n'),
      ['tool'],
      { tool: /^changed: program$/ },
    ],
    [
      'a context',
      () => [['--context', 'CTX=d']],
      ['each', 'join', 'whole'],
      { each: /context CTX/, join: /file each\/0\/x/ },
    ],
    [
      'what is not part of the key: time-outs, retries, comments, files that are no input',
      () => {
        place.write('in/c.csv', 'no input');
        edit('echo  two }', 'echo  two, timeout: 1m, retries: 3 } # longer');
        return [[]];
      },
      [],
      {},
    ],
  ];
  for (const [what, change, runs, reasons] of changes) {
    const [more, options] = change();
    const outcome = await runAsPlanned([...args, ...more], options);
    // What did not change between two runs with other params is compared with the nearer one: only names count here.
    assert.deepEqual([what, outcome.code, outcome.started], [what, 0, runs]);
    for (const [name, pattern] of Object.entries(reasons))
      assert.match(outcome.reasons[name]!, pattern, what);
  }
  // Back to the beginning: all of it is still there.
  prepare();
  rmSync(join(place.folder, 'in/b.txt'));
  assert.deepEqual((await runAsPlanned(args)).started, []);
  assert.deepEqual(await outputs(), before);
});

test('exit codes of --plan: 0 nothing would run, 10 something would, 2 a bad file; nothing is started', async () => {
  place.write(
    'one.yaml',
    'name: one\ncache: true\nprocessors: { a: { run: echo a }, b: { needs: a, when: "${{ false }}", run: echo b } }\n',
  );
  assert.equal((await plan(['run', 'one.yaml'])).code, 10);
  assert.deepEqual(await place.json(['runs', 'list', '--pipeline', 'one']), []);
  await place.out(['run', 'one.yaml']);
  const { code, stdout } = await place.run(['run', 'one.yaml', '--plan']);
  assert.equal(code, 0);
  assert.match(stdout, /a +cached .*same as run/);
  assert.match(stdout, /b +skipped/);
  assert.match(stdout, /Nothing would run: 2 processors, 1 cached, 1 skipped/);
  assert.equal((await plan(['run', 'one.yaml', '--no-cache'])).code, 10);
  place.write('bad.yaml', 'name: bad\nprocessors: { a: { rum: echo } }\n');
  assert.equal((await place.run(['run', 'bad.yaml', '--plan'])).code, 2);
  assert.equal((await place.run(['run', 'absent.yaml', '--plan'])).code, 2);
  assert.equal((await place.json(['runs', 'list', '--pipeline', 'one'])).length, 1);
});

test('--no-cache and retry --from run again, and what they make is kept', async () => {
  place.write(
    'clock.yaml',
    `name: clock
cache: true
processors:
  a: { run: "date +%s%N" }
  b: { needs: a, run: "echo \${{ outputs.a.text }}" }
`,
  );
  const args = ['run', 'clock.yaml'];
  const output = async () =>
    (await place.json(['runs', 'get', 'latest'])).processors.map(({ output }: { output: { text: string } }) =>
      output.text.trim(),
    );
  assert.deepEqual((await run(args)).started, ['a', 'b']);
  const first = await output();
  const forced = await runAsPlanned([...args, '--no-cache']);
  assert.deepEqual([forced.started, forced.reasons.a], [['a', 'b'], 'this run takes nothing from the cache']);
  const second = await output();
  assert.notDeepEqual(second, first);
  assert.deepEqual((await run(args)).started, []);
  assert.deepEqual(await output(), second);
  const retried = await run(['runs', 'retry', 'latest', '--from', 'a']);
  assert.deepEqual(retried.started, ['a', 'b']);
  assert.notDeepEqual(await output(), second);
  const third = await output();
  assert.deepEqual((await run(args)).started, []);
  assert.deepEqual(await output(), third);
});

test('what fails is not kept; files, context and large outputs are, also when the run that made them is gone', async () => {
  place.write(
    'kept.yaml',
    `name: kept
cache: true
processors:
  fails: { run: "echo no; test -e allowed", onFailure: warn }
  makes:
    run: |
      mkdir $WIZ_FILES/folder; echo in > $WIZ_FILES/folder/in.txt; head -c 300000 /dev/zero > $WIZ_FILES/zeros
      echo KEY=kept > $WIZ_CONTEXT
      head -c 1000000 /dev/zero | tr '\\0' z
  uses:
    needs: makes
    cache: false
    run: 'cat \${{ files.makes.folder }}/in.txt; wc -c < \${{ files.makes.zeros }}; echo \${{ size(outputs.makes.text) }} $KEY'
`,
  );
  const args = ['run', 'kept.yaml'];
  const used = async () =>
    (await place.json(['runs', 'get', 'latest'])).processors.find(
      ({ name }: { name: string }) => name === 'uses',
    ).output.text;
  assert.deepEqual((await run(args)).started, ['fails', 'makes', 'uses']);
  assert.equal(await used(), 'in\n300000\n1000000 kept\n');
  const second = await run(args);
  assert.deepEqual(second.started, ['fails', 'uses']);
  assert.equal(await used(), 'in\n300000\n1000000 kept\n');

  // Of both runs nothing is left; entries are not lost with them, or they are lost whole.
  await place.out(['runs', 'prune', '--older-than', '0s']);
  assert.deepEqual(await place.json(['runs', 'list', '--pipeline', 'kept']), []);
  const third = await runAsPlanned(args);
  assert.equal(third.code, 0);
  assert.equal(await used(), 'in\n300000\n1000000 kept\n');
});

test('two runs that make the same at once: both succeed, and a third takes what one of them made', async () => {
  place.write(
    'twice.yaml',
    `name: twice
cache: true
processors:
  a: { run: 'touch "here-$WIZ_PROCESSOR-$$"; while [ $(ls here-a-* | wc -l) -lt 2 ]; do sleep 0.02; done; echo made > $WIZ_FILES/a.txt; date +%s%N' }
  b: { needs: a, run: "cat \${{ files.a['a.txt'] }}; echo \${{ outputs.a.text }}" }
`,
  );
  const outcomes = await Promise.all([run(['run', 'twice.yaml']), run(['run', 'twice.yaml'])]);
  for (const { code, started } of outcomes) assert.deepEqual([code, started[0]], [0, 'a']);
  const outputOf = async (id: string) =>
    (await place.json(['runs', 'get', id])).processors.map(({ output }: { output: { text: string } }) =>
      output.text.trim(),
    );
  const made = await Promise.all(outcomes.map(({ stdout }) => outputOf(eventsOf(stdout)[0].run)));
  for (const [a, b] of made) assert.equal(b, `made\n${a}`);
  const third = await run(['run', 'twice.yaml']);
  assert.deepEqual(third.started, []);
  const taken = await outputOf('latest');
  assert.ok(made.some((one) => JSON.stringify(one) === JSON.stringify(taken)));
  assert.ok(existsSync(place.home));
});
