/** What a run looks like: the tree of a terminal, the lines of a pipe, JSON lines; progress; colours. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventsOf } from './journal.ts';
import { newPlace, type Options, type Started, started } from './place.ts';

const place = newPlace();
after(() => place.leave());

const bin = join(import.meta.dirname, '../../cli/bin/wiz.js');
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');
const needsTerminal = { skip: !hasScript && 'needs script(1) of util-linux, which gives a terminal' };

/** wiz on a terminal of 100 columns. */
function onTerminal(args: string[], { env = {} }: Options = {}): Started {
  const command = ['stty', 'cols', '100', 'rows', '30', ';', 'exec', process.execPath, bin, ...args].join(
    ' ',
  );
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: place.folder,
    env: { ...place.environment, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return started(child, `wiz ${args.join(' ')} on a terminal`);
}

/** What moves the cursor, and what gives colours. */
const CSI = '\x1b\\[';
const CURSOR_UP = new RegExp(`${CSI}\\d*[AF]`);
const COLOUR = new RegExp(`${CSI}[0-9;]*m`);

/** The text without either. */
function plain(text: string): string {
  return text.replace(new RegExp(`${CSI}[0-9;?]*[A-Za-z]`, 'g'), '');
}

const PROGRESS = `
name: progress
processors:
  works:
    run: |
      echo reading the list; echo "0.25 a quarter" >> "$WIZ_PROGRESS"
      until test -e half; do sleep 0.02; done
      echo "21/42 half of it" >> "$WIZ_PROGRESS"
      until test -e done; do sleep 0.02; done
  after: { needs: works, run: echo after }
`;

test('one run in a pipe, as JSON lines and on a terminal, with its progress', async () => {
  place.write('progress.yaml', PROGRESS);
  const running = place.start(['run', 'progress.yaml']);
  const [id] = await running.prints(/\w{27}/);
  const json = place.start(['runs', 'watch', id, '--json']);
  const lines = place.start(['runs', 'watch', id]);
  const tree = hasScript ? onTerminal(['runs', 'watch', id]) : undefined;
  await json.prints(/"fraction":0\.25,"message":"a quarter"/);
  await tree?.prints(/a quarter/);
  place.write('half', '');
  await json.prints(/"fraction":0\.5,"message":"half of it"/);
  await tree?.prints(/half of it/);
  const { processors } = await place.json(['runs', 'get', id]);
  assert.deepEqual([processors[0].progress, processors[0].progressMessage], [0.5, 'half of it']);
  place.write('done', '');

  const ended = await Promise.all([running, json, lines].map((each) => each.ended));
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0, 0],
  );
  const [ran, events, watched] = ended.map(({ stdout }) => stdout);
  assert.deepEqual(
    eventsOf(events!).map(({ kind }) => kind),
    [
      'runCreated',
      'attemptStarted',
      'progressMade',
      'progressMade',
      'attemptEnded',
      'attemptStarted',
      'attemptEnded',
      'runEnded',
    ],
  );
  for (const text of [ran!, watched!]) assert.ok(!text.includes('\x1b') && !text.includes('\r'), text);
  const words = [
    'progress ',
    'works  Running',
    'works  Running 25% a quarter',
    'works  Running 50% half of it',
    'works  Succeeded',
    'after  Running',
    'after  Succeeded',
    'progress  Succeeded',
    'Succeeded in ',
  ];
  for (const text of [ran!, watched!]) {
    const found = text
      .trim()
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
    assert.equal(found.length, words.length, text);
    for (const [i, word] of words.entries()) assert.ok(found[i]!.startsWith(word), `${word}: ${found[i]}`);
  }
});

test(
  'on a terminal: a live tree with durations, progress and the last line of the log',
  needsTerminal,
  async () => {
    place.write('tree/progress.yaml', PROGRESS);
    const running = onTerminal(['run', 'tree/progress.yaml']);
    await running.prints(/a quarter/);
    await running.prints(/reading the list/);
    const first = plain(running.stdout);
    assert.match(first, /works/);
    assert.match(first, /25 ?%/);
    // Drawn again over itself: the cursor goes up.
    await running.prints(CURSOR_UP);
    assert.match(running.stdout, COLOUR);
    place.write('tree/half', '');
    await running.prints(/half of it/);
    place.write('tree/done', '');
    const { code, stdout } = await running.ended;
    assert.equal(code, 0, stdout);
    const last = plain(stdout).replaceAll('\r', '');
    assert.match(last, /after.*\d\.\ds/);
    assert.match(last, /Succeeded in .*2 processors, 2 succeeded/);
    // The cursor that was hidden is shown again.
    assert.ok(stdout.lastIndexOf('\x1b[?25h') > stdout.lastIndexOf('\x1b[?25l'));
  },
);

test('Ctrl-C typed into the terminal cancels', needsTerminal, async () => {
  place.write('typed/long.yaml', 'name: long\nprocessors:\n  waits: { run: echo waiting; exec sleep 88 }\n');
  const running = onTerminal(['run', 'typed/long.yaml']);
  await running.prints(/waiting/);
  running.child.stdin!.write('\x03');
  const { code, stdout } = await running.ended;
  assert.equal(code, 1, stdout);
  assert.match(plain(stdout), /Failed \(cancelled\)/);
});

test('NO_COLOR: a tree without colours', needsTerminal, async () => {
  place.write('plain/quick.yaml', 'name: quick\nprocessors:\n  a: { run: exit 1 }\n');
  const { code, stdout } = await onTerminal(['run', 'plain/quick.yaml'], { env: { NO_COLOR: '1' } }).ended;
  assert.equal(code, 1);
  assert.doesNotMatch(stdout, COLOUR);
  assert.match(plain(stdout), /a failed: exit-code/);
});

test('a run that ended is shown as it ended, with its exit code', async () => {
  place.write(
    'failed.yaml',
    'name: failed\nprocessors:\n  a: { run: echo why; exit 3 }\n  b: { needs: a, uses: noop }\n',
  );
  assert.equal((await place.run(['run', 'failed.yaml'])).code, 1);
  const { code, stdout } = await place.run(['runs', 'watch', 'latest']);
  assert.equal(code, 1);
  assert.match(stdout, /^Failed in .*1 failed, 1 not run/m);
  assert.match(stdout, /^✖ a failed: exit-code\n.*\n {2}\| why\n/m);
  assert.match(stdout, /wiz runs retry \w{27}/);
});
