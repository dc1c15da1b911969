/** `run`, `exec` and the watching of runs, as a process in front of a scripted manager. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RUN_ID } from './fixture/events.ts';
import { recorded, start, wiz } from './fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const record = () => join(folder, `record-${files++}`);

describe('run', { concurrency: 2 }, () => {
  test('in a pipe: plain lines, a summary, warnings, exit 0; what was given arrives', async () => {
    const file = record();
    const argv = ['run', 'audit', '-p', 'root=a=b', '-p', 'depth=2', '--context', 'TEAM=x', '-l', 'k=v'];
    const { stdout, stderr, code } = await wiz('succeeds', argv, { record: file });
    assert.deepEqual(stdout.split('\n'), [
      `12:00:00 audit  ${RUN_ID}  1 processor`,
      '12:00:01 list  Running',
      '12:00:01 list  Succeeded 0.2s',
      '12:00:01 audit  Succeeded 1.3s',
      `Succeeded in 1.3s: 1 processor, 1 succeeded  ${RUN_ID}`,
      'warning: the disk is nearly full',
      '',
    ]);
    assert.deepEqual([stderr, code], ['', 0]);
    const [opened, started, closed] = recorded(file);
    assert.deepEqual(opened, { opened: { kind: 'cli', needsExecutor: true } });
    assert.deepEqual(started, {
      target: 'pipeline',
      params: { root: 'a=b', depth: '2' },
      context: { TEAM: 'x' },
      labels: { k: 'v' },
      name: '',
      version: 0,
      detach: false,
    });
    assert.deepEqual(closed, { closed: {} });
  });

  test('--json: one JSON object for each event, nothing else', async () => {
    const { stdout, code } = await wiz('succeeds', ['run', 'audit', '--json']);
    const kinds = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).kind);
    assert.deepEqual(kinds, ['runCreated', 'attemptStarted', 'attemptEnded', 'runEnded']);
    assert.equal(code, 0);
  });

  test('--detach prints the id alone and starts no executor', async () => {
    const file = record();
    const path = join(folder, 'audit.yaml');
    writeFileSync(path, 'name: audit\n');
    const { stdout, code } = await wiz('succeeds', ['run', path, '--detach'], { record: file });
    assert.deepEqual([stdout, code], [`${RUN_ID}\n`, 0]);
    assert.deepEqual(recorded(file)[0], { opened: { kind: 'cli', needsExecutor: false } });
    assert.equal(recorded(file)[1]!.target, 'file');
  });

  test('a failure: exit 1, the reason, the end of the log, and the commands to go on', async () => {
    const { stdout, code } = await wiz('fails', ['run', 'audit']);
    const end = stdout.slice(stdout.indexOf('Failed in'));
    assert.equal(
      end,
      `Failed in 0.5s: 2 processors, 1 failed, 1 not run  ${RUN_ID}

✖ fetch failed: exit-code
  exited with code 3
${Array.from({ length: 10 }, (_, i) => `  | line ${i + 11}`).join('\n')}
  More: wiz runs logs ${RUN_ID} fetch

To go on from what failed: wiz runs retry ${RUN_ID}
`,
    );
    assert.equal(code, 1);
  });

  for (const [name, scenario] of [
    ['a stream that breaks', 'breaks'],
    ['a stream whose credential ends', 'expires'],
  ] as const) {
    test(`${name} goes on where it was, and nothing is told twice`, async () => {
      const file = record();
      const { stdout, code } = await wiz(scenario, ['run', 'audit'], { record: file });
      assert.equal(stdout.match(/Running/g)?.length, 1);
      assert.equal(code, 0);
      const asked = recorded(file).flatMap(({ afterSeq }) => (afterSeq === undefined ? [] : [afterSeq]));
      assert.deepEqual(asked, [0, 1, 2, 3]);
    });
  }

  test('Ctrl-C asks to cancel and waits for the end: exit 1', async () => {
    const file = record();
    const { child, says, ended } = start('endless', ['run', 'audit'], { record: file });
    await says('wait  Running');
    child.kill('SIGINT');
    const { stderr, code } = await ended;
    assert.equal(code, 1);
    assert.match(stderr, /Cancelling the run\. Ctrl-C again leaves it/);
    assert.deepEqual(recorded(file).slice(1), [{ cancel: 'cancelled with Ctrl-C' }, { closed: {} }]);
  });

  test('a second Ctrl-C leaves the run to a background manager at once: exit 130', async () => {
    const file = record();
    const { child, says, ended } = start('stubborn', ['run', 'audit'], { record: file });
    await says('wait  Running');
    child.kill('SIGINT');
    await says('Cancelling Ctrl-C');
    child.kill('SIGINT');
    const { stderr, code } = await ended;
    assert.equal(code, 130);
    assert.match(stderr, new RegExp(`goes on without this terminal: wiz runs watch ${RUN_ID}`));
    assert.deepEqual(recorded(file).at(-1), { closed: { handOver: true } });
  });

  test('SIGTERM leaves the run to a background manager without cancelling it: exit 143', async () => {
    const file = record();
    const { child, says, ended } = start('endless', ['run', 'audit'], { record: file });
    await says('wait  Running');
    child.kill('SIGTERM');
    assert.equal((await ended).code, 143);
    assert.deepEqual(recorded(file).slice(1), [{ closed: { handOver: true } }]);
  });

  test('a run that ended is shown by watch, and its state is the exit code', async () => {
    const { stdout, code } = await wiz('fails', ['runs', 'watch', 'latest']);
    assert.match(stdout, /fetch {2}Failed 0\.5s exit-code: exited with code 3/);
    assert.equal(code, 1);
  });
});

describe('exec', { concurrency: 2 }, () => {
  test("the program's bytes on its streams, and its exit code", async () => {
    const file = record();
    const argv = [
      'exec',
      '--timeout',
      '1m30s',
      '-e',
      'KEY=1',
      '-e',
      'FROM_HERE',
      '--',
      'sh',
      '-c',
      'x --json',
    ];
    const environment = { FROM_HERE: 'yes' };
    const { bytes, stderr, code } = await wiz('program', argv, { record: file, environment, cwd: folder });
    assert.deepEqual([...bytes], [0, 255, 13, 10, 128]);
    assert.deepEqual([stderr, code], ['no newline', 7]);
    assert.deepEqual(recorded(file)[1], {
      argv: ['sh', '-c', 'x --json'],
      workdir: folder,
      timeoutMs: 90_000,
      environment: { KEY: '1', FROM_HERE: 'yes' },
      detach: false,
    });
  });

  test('--detach prints the id alone', async () => {
    const { stdout, code } = await wiz('program', ['exec', '-d', '--', 'true']);
    assert.deepEqual([stdout, code], [`${RUN_ID}\n`, 0]);
  });

  test('nobody reads its output any more: the program is cancelled, exit 141 as in a shell', async () => {
    const file = record();
    const { child, says, ended } = start('flood', ['exec', '--', 'yes'], { record: file });
    await says('y\n');
    child.stdout.destroy();
    const { stderr, code } = await ended;
    assert.deepEqual([stderr, code], ['', 141]);
    assert.deepEqual(recorded(file)[1], { cancel: 'nobody reads its output any more' });
  });
});

describe('runs logs', { concurrency: 2 }, () => {
  test('nobody reads them any more: it ends quietly', async () => {
    const { child, says, ended } = start('flood', ['runs', 'logs', 'latest', 'p']);
    await says('y\n');
    child.stdout.destroy();
    const { stderr, code } = await ended;
    assert.deepEqual([stderr, code], ['', 0]);
  });

  test('of one processor: byte for byte', async () => {
    const file = record();
    const argv = ['runs', 'logs', 'latest', 'fetch', '--attempt', '2', '--stdout', '--from-line', '5', '-f'];
    const { stdout } = await wiz('logs', argv, { record: file });
    assert.equal(stdout, 'one\ntwothero\n');
    const asked = { processor: 'fetch', attempt: 2, streams: [1], fromLine: 5, follow: true };
    assert.deepEqual(recorded(file)[1], asked);
  });

  test('of several: whole lines behind the name', async () => {
    const { stdout } = await wiz('logs', ['runs', 'logs', 'latest']);
    assert.deepEqual(stdout.trimEnd().split('\n'), ['fetch | one', 'fetch | two', 'sizes | other']);
  });

  test('with line numbers, and as JSON', async () => {
    const numbered = await wiz('logs', ['runs', 'logs', 'latest', '-n']);
    assert.deepEqual(numbered.stdout.trimEnd().split('\n'), [
      'fetch:1 | one',
      'fetch:2 | two',
      'sizes:1 | other',
    ]);
    const json = await wiz('logs', ['runs', 'logs', 'latest', '--json']);
    const { processor, attempt, stream, line, text } = JSON.parse(json.stdout.split('\n')[1]!);
    assert.deepEqual([processor, attempt, stream, line, text], ['fetch', 1, 'stdout', 2, 'two']);
  });
});
