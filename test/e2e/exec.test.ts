/** Programs without a pipeline file, and programs as they are run: streams, exit codes, signals. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newPlace } from './place.ts';
import { isAlive, pidIn } from './programs.ts';

const place = newPlace();
after(() => place.leave());

test('exec passes standard output, standard error and the exit code', async () => {
  const { code, stdout, stderr } = await place.run([
    'exec',
    '--',
    'sh',
    '-c',
    'echo out; echo err >&2; exit 7',
  ]);
  assert.deepEqual([code, stdout, stderr], [7, 'out\n', 'err\n']);
  const [run] = await place.json(['runs', 'list']);
  assert.equal(run.state, 'RUN_STATE_FAILED');
  assert.equal(await place.out(['exec', '--', 'true']), '');
});

test('arguments arrive as they are, whatever is in them', async () => {
  const words = [
    '${HOME}',
    '$HOME',
    '${{ x }}',
    '$${A}',
    '',
    ' a  b ',
    '*',
    "it's",
    '"',
    '\\',
    '-x',
    '--json',
    'ü😀',
    '\n',
  ];
  const { stdout } = await place.run(['exec', '--', 'printf', '%s\\0', ...words]);
  assert.deepEqual(stdout.split('\0').slice(0, -1), words);
});

test('bytes come out as the program wrote them', async () => {
  const script =
    'for (let i = 0; i < 4096; i++) process.stdout.write(Buffer.from([i & 255, 255 - (i & 255), 10]))';
  const { bytes } = await place.run(['exec', '--', process.execPath, '-e', script]);
  const expected = Buffer.from(Array.from({ length: 4096 }, (_, i) => [i & 255, 255 - (i & 255), 10]).flat());
  assert.ok(bytes.equals(expected));
});

test("the program runs in the caller's folder, with its environment and --env", async () => {
  place.write('below/x', '');
  const cwd = join(place.folder, 'below');
  const env = { FROM_SHELL: 'shell', PASSED: 'passed' };
  const args = [
    'exec',
    '-e',
    'GIVEN=a=b',
    '-e',
    'PASSED',
    '--',
    'sh',
    '-c',
    'pwd; echo $FROM_SHELL $GIVEN $PASSED',
  ];
  const { code, stdout } = await place.run(args, { cwd, env });
  assert.deepEqual([code, stdout], [0, `${cwd}\nshell a=b passed\n`]);
});

test('exit codes of a shell: 127 not found, 124 timed out, 128 and the signal', async () => {
  const notFound = await place.run(['exec', '--', 'no-such-program']);
  assert.equal(notFound.code, 127);
  assert.match(notFound.stderr, /no-such-program.*not found.*looked in PATH/);
  const timedOut = await place.run(['exec', '--timeout', '300ms', '--', 'sleep', '93']);
  assert.equal(timedOut.code, 124, timedOut.stderr);
  assert.equal((await place.run(['exec', '--', 'sh', '-c', 'kill -SEGV $$'])).code, 139);
  assert.equal((await place.run(['exec'])).code, 2);
});

test('Ctrl-C ends the program; output is there while it runs', async () => {
  const pidFile = join(place.folder, 'exec-pid');
  const script = `echo $$ > ${pidFile}; echo here; exec sleep 92`;
  const running = place.start(['exec', '--', 'sh', '-c', script]);
  await running.prints(/here/);
  const pid = await pidIn(pidFile);
  running.child.kill('SIGINT');
  assert.equal((await running.ended).code, 130);
  assert.ok(!isAlive(pid));
});

test('exec --detach ends at once, and its output is kept', async () => {
  const id = (await place.out(['exec', '--detach', '--', 'sh', '-c', 'echo later'])).trim();
  assert.equal(await place.out(['runs', 'logs', id, '--follow']), 'later\n');
  await place.out(['runs', 'watch', id]);
});

test('native programs: exit code, signal, what is not there or not executable, each with its reason', async () => {
  place.write('plain.txt', 'no program');
  place.write(
    'programs.yaml',
    `name: programs
processors:
  code: { program: [sh, -c, "exit 42"] }
  signal: { run: 'kill -KILL $$' }
  missing: { program: [no-such-program] }
  plain: { program: [./plain.txt] }
  nowhere: { workdir: no/such/folder, run: "true" }
  python: { shell: python, run: 'import sys; print("py", file=sys.stderr)' }
  node: { shell: node, run: 'console.log(typeof process.env.WIZ_RUN_ID, process.env.WIZ_PROCESSOR)' }
  sh: { shell: sh, run: 'echo "$WIZ_ATTEMPT" >> "$WIZ_OUTPUT"; printf "k=v\\n" > "$WIZ_OUTPUT"' }
`,
  );
  assert.equal((await place.run(['run', 'programs.yaml'])).code, 1);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const of = (name: string) => processors.find((processor: { name: string }) => processor.name === name);
  const reasons = ['code', 'signal', 'missing', 'plain', 'nowhere'].map((name) => of(name).reason);
  assert.deepEqual(reasons, ['exit-code', 'signal', 'not-found', 'not-executable', 'bad-workdir']);
  assert.equal(of('code').attempts[0].exitCode, 42);
  assert.equal(of('signal').attempts[0].signal, 'SIGKILL');
  assert.match(of('missing').attempts[0].message, /looked in PATH \(/);
  assert.deepEqual(JSON.parse(of('sh').output.json), { k: 'v' });
  assert.equal(of('node').output.text, 'string node\n');
  assert.equal(await place.out(['runs', 'logs', 'latest', 'python', '--stderr']), 'py\n');
});

test('a flood on standard output does not fill the memory of the executor, and is kept whole', {
  skip: process.platform !== 'linux' && 'needs /proc',
}, async () => {
  const MEGABYTES = 160;
  place.write(
    'flood.yaml',
    `name: flood
processors:
  flood: { program: [head, -c, ${MEGABYTES * 1024 * 1024}, /dev/zero] }
  hold: { run: 'until test -e go; do sleep 0.05; done' }
`,
  );
  const running = place.start(['run', 'flood.yaml']);
  await running.prints(/flood {2}Succeeded/);
  const peakKb = (pid: number) =>
    Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
  const [executor] = await place.json(['executor', 'list']);
  const peaks = [running.child.pid!, executor.pid].map((pid) => Math.round(peakKb(pid) / 1024));
  place.write('go', '');
  assert.equal((await running.ended).code, 0);
  const { processors } = await place.json(['runs', 'get', 'latest']);
  assert.equal(processors[0].attempts[0].usage.stdoutBytes, MEGABYTES * 1024 * 1024);
  // An idle one takes about 100 MB; twice the flood would show that it was held.
  for (const peak of peaks) assert.ok(peak < 100 + 2 * MEGABYTES, `${peaks} MB`);
});
