/** Context and environment: what a processor adds, who sees it, and which value wins. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

async function printed(id: string): Promise<Record<string, string>> {
  const { processors } = await place.json(['runs', 'get', id]);
  return Object.fromEntries(
    processors.map(({ name, output }: { name: string; output?: { text?: string } }) => [
      name,
      output?.text?.trimEnd() ?? '',
    ]),
  );
}

async function runOf(file: string, args: string[] = [], env = {}): Promise<string> {
  return eventsOf(await place.out(['run', file, '--json', ...args], { env }))[0]!.run;
}

test('what a processor adds is seen downstream, not upstream and not beside', async () => {
  place.write(
    'added.yaml',
    `name: added
context: { BASE: base, CHANGED: before }
processors:
  before: { run: 'echo "$BASE $CHANGED \${ADDED-unset}"' }
  adds: { needs: before, run: 'printf "ADDED=a=b c\\nCHANGED=after\\n" > "$WIZ_CONTEXT"' }
  beside: { needs: before, run: 'echo "$BASE $CHANGED \${ADDED-unset}"' }
  direct: { needs: adds, run: 'echo "$BASE $CHANGED $ADDED"' }
  far: { needs: direct, run: 'echo "$BASE $CHANGED $ADDED"; cat "$WIZ_INPUT" >&2' }
`,
  );
  const id = await runOf('added.yaml');
  const { before, beside, direct, far } = await printed(id);
  assert.deepEqual([before, direct, far], ['base before unset', 'base after a=b c', 'base after a=b c']);
  assert.equal(beside, 'base before unset');
  const { context } = JSON.parse(await place.out(['runs', 'logs', id, 'far', '--stderr']));
  assert.deepEqual(context, { BASE: 'base', CHANGED: 'after', ADDED: 'a=b c' });
});

test('the environment of a processor wins over defaults, these over context, that over params and the shell', async () => {
  const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
  place.write(
    'layers.yaml',
    `name: layers
params: { b: param, g: param }
context: { C: context, D: context, E: context, F: context }
defaults: { env: { D: defaults, E: defaults, G: defaults } }
processors:
  show: { env: { E: processor, WIZ_RUN_ID_SEEN: "\${RUN_ID}" }, run: 'echo "$A $B $C $D $E $F $G"; test "$WIZ_RUN_ID" = "$WIZ_RUN_ID_SEEN"' }
`,
  );
  const shell = Object.fromEntries(names.map((name) => [name, 'shell']));
  const id = await runOf('layers.yaml', ['--context', 'F=caller'], shell);
  assert.equal((await printed(id)).show, 'shell param context defaults processor caller defaults');
});

test('what a processor added is there for a retry, under another manager', async () => {
  place.write(
    'kept.yaml',
    `name: kept
processors:
  adds: { run: 'echo TOKEN=one > "$WIZ_CONTEXT"' }
  uses: { needs: adds, run: 'echo "$TOKEN"; test -e ready' }
`,
  );
  assert.equal((await place.run(['run', 'kept.yaml'])).code, 1);
  place.write('ready', '');
  await place.out(['runs', 'retry', 'latest']);
  assert.equal((await printed('latest')).uses, 'one');
});

test('branches: a change wins over what is merely handed on; of two changes the last in graph order, with a warning', async () => {
  place.write(
    'branches.yaml',
    `name: branches
processors:
  base: { run: 'echo K=base > "$WIZ_CONTEXT"; echo ONLY=base >> "$WIZ_CONTEXT"' }
  changes: { needs: base, run: 'echo K=changed > "$WIZ_CONTEXT"' }
  passes: { needs: base, run: 'echo "$K"' }
  joined: { needs: [passes, changes], run: 'echo "$K $ONLY \${{ context.K }}"' }
`,
  );
  const quiet = await place.run(['run', 'branches.yaml']);
  assert.deepEqual([quiet.code, /warning/.test(quiet.stdout + quiet.stderr)], [0, false]);
  assert.deepEqual((await printed('latest')).joined, 'changed base changed');

  // The one that is later in the graph ends first.
  place.write(
    'twice.yaml',
    `name: twice
processors:
  early: { run: 'while [ ! -e late.$WIZ_RUN_ID ]; do sleep 0.02; done; echo K=early > "$WIZ_CONTEXT"; echo SAME=1 >> "$WIZ_CONTEXT"' }
  late: { run: 'echo K=late > "$WIZ_CONTEXT"; echo SAME=1 >> "$WIZ_CONTEXT"; touch late.$WIZ_RUN_ID' }
  each: { each: [a, b], run: 'echo "OF_EACH=\${{ item }}" > "$WIZ_CONTEXT"' }
  joined: { needs: [late, early, each], run: 'echo "$K $SAME $OF_EACH"' }
`,
  );
  const { code, stdout, stderr } = await place.run(['run', 'twice.yaml']);
  assert.equal(code, 0);
  assert.match(stdout + stderr, /warning: context K was set by early and by late; that of late holds/);
  assert.match(
    stdout + stderr,
    /warning: context OF_EACH was set by each\[0\] and by each\[1\]; that of each\[1\] holds/,
  );
  assert.doesNotMatch(stdout + stderr, /context SAME/);
  assert.equal((await printed('latest')).joined, 'late 1 b');
  assert.equal((await place.json(['runs', 'get', 'latest'])).run.warnings.length, 2);
});

test('pipeline < parent run < run < processor; a run within a program inherits the context of its own', async () => {
  place.write(
    'inner.yaml',
    `name: inner
context: { A: inner, B: inner, C: inner, D: inner }
processors:
  show: { env: { D: processor }, run: 'echo "$A $B $C $D $ADDED"' }
`,
  );
  place.write(
    'outer.yaml',
    `name: outer
context: { B: outer, C: outer, D: outer }
processors:
  adds: { run: 'echo ADDED=added > "$WIZ_CONTEXT"' }
  nested: { needs: adds, env: { NODE: ${JSON.stringify(process.execPath)}, WIZ: ${JSON.stringify(join(import.meta.dirname, '../../cli/bin/wiz.js'))} }, run: '"$NODE" "$WIZ" run inner.yaml --context C=given --context D=given' }
`,
  );
  await place.out(['run', 'outer.yaml']);
  const [{ runId }] = await place.json(['runs', 'list', '--pipeline', 'inner']);
  assert.equal((await printed(runId)).show, 'inner outer given processor added');
  await place.out(['run', 'inner.yaml', '--context', 'C=given']);
  assert.equal((await printed('latest')).show, 'inner inner given processor');
});

test('macros are fixed for the run, in its time zone: for scripts, programs, retries, and a retry of the run', async () => {
  place.write(
    'macros.yaml',
    `name: macros
timeZone: Asia/Kathmandu
context: { STAMP: "\${DATE}/\${RUN_ID}/\${RANDOM:8}" }
processors:
  script: { run: 'echo "$DATE|$TIME|$DATETIME|$RUN_ID|$PIPELINE|$STAMP"' }
  python: { shell: python, run: 'import os; print(os.environ["DATETIME"], os.environ["PIPELINE"])' }
  unasked: { run: 'env | grep -c "^\\\\(DA\\\\|TI\\\\|PIPE\\\\)" || true' }
  own: { env: { DATE: mine }, run: 'echo "$DATE"' }
  program: { program: [echo, "\${DATE}|\${TIME}|\${DATETIME}|\${RUN_ID}|\${PIPELINE}|\${STAMP}"] }
  random: { program: [echo, "\${RANDOM:8} \${RANDOM:8} \${RANDOM:3} $\${RANDOM:8}"] }
  expression: { run: 'echo \${{ run.date + "|" + run.time + "|" + run.datetime + "|" + run.id + "|" + run.pipeline + "|" + context.STAMP }}' }
  again: { retries: { limit: 1, backoff: { initial: 1100ms } }, run: 'echo "$TIME" >> times; test $WIZ_ATTEMPT -gt 1' }
  later: { needs: again, run: 'echo "$DATETIME"; test -e go-on' }
`,
  );
  assert.equal((await place.run(['run', 'macros.yaml'])).code, 1);
  const { run } = await place.json(['runs', 'get', 'latest']);
  const shown = await printed('latest');
  const [date, time, datetime, id, pipeline, stamp] = shown.script!.split('|');
  assert.deepEqual([id, pipeline], [run.runId, 'macros']);
  assert.match(datetime!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:45$/);
  assert.equal(datetime, `${date}T${time}+05:45`);
  assert.equal(Date.parse(datetime!), Math.floor(run.createdUnixMs / 1000) * 1000);
  const [random] = /[a-z0-9]{8}$/.exec(stamp!)!;
  assert.equal(stamp, `${date}/${id}/${random}`);
  assert.deepEqual(
    [shown.program, shown.expression, shown.python, shown.unasked, shown.own],
    [shown.script, shown.script, `${datetime} macros`, '0', 'mine'],
  );
  const [first, second, short, literal] = shown.random!.split(' ');
  assert.deepEqual([first, second, literal], [random, random, '${RANDOM:8}']);
  assert.match(short!, /^[a-z0-9]{3}$/);
  assert.equal(readFileSync(join(place.folder, 'times'), 'utf8'), `${time}\n${time}\n`);
  place.write('go-on', '');
  await place.out(['runs', 'retry', 'latest']);
  assert.equal((await printed('latest')).later, datetime);
  const other = await runOf('macros.yaml');
  assert.notEqual((await printed(other)).random, shown.random);
});

test('what is wrong with a context is told before a run is made', async () => {
  place.write('plain.yaml', 'name: plain\nprocessors: { a: { run: echo } }\n');
  for (const [args, told] of [
    [['--context', 'no-name=1'], /no-name/],
    [['--context', 'WIZ_RUN_ID=1'], /WIZ_RUN_ID/],
    [['--context', 'novalue'], /novalue/],
  ] as const) {
    const { code, stderr } = await place.run(['run', 'plain.yaml', ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, told);
  }
  place.write('zone.yaml', 'name: zone\ntimeZone: Europe/Berlim\nprocessors: { a: { run: echo } }\n');
  const { code, stderr } = await place.run(['run', 'zone.yaml']);
  assert.equal(code, 2);
  assert.match(stderr, /^zone\.yaml:2:11: .*Europe\/Berlim.*\n.*Europe\/Berlin/);
  place.write(
    'bad-added.yaml',
    `name: bad-added\nprocessors: { a: { run: 'echo "no name" > "$WIZ_CONTEXT"' } }\n`,
  );
  assert.equal((await place.run(['run', 'bad-added.yaml'])).code, 1);
});
