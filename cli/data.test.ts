/** Files, records, lineage and instances: commands in front of a scripted manager. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { hashOf, OTHER_RUN, REPORT } from './fixture/data-scenarios.ts';
import { RUN_ID } from './fixture/events.ts';
import { recorded, start, wiz } from './fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'data-'));
after(() => rmSync(folder, { recursive: true }));
let made = 0;
const record = () => join(folder, `record-${made++}`);
const emptyFolder = () => {
  const path = join(folder, `folder-${made++}`);
  mkdirSync(path);
  return path;
};

const FILE = `${RUN_ID}/out/report.html`;
const PLOTS = `${RUN_ID}/draw/3/plots`;

describe('files', { concurrency: 2 }, () => {
  test('ls: of a pipeline, of a run, files of processors too', async () => {
    const file = record();
    const { stdout } = await wiz('files', ['files', 'ls', 'audit', '--all'], { record: file });
    const columns = `${RUN_ID}  audit`;
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'FILE               SIZE  RUN                          PIPELINE  PROCESSOR  MADE                 HASH',
      `out/report.html  1.0 MB  ${columns}     report     2026-01-31 12:00:00  ${hashOf(REPORT).slice(0, 12)}`,
      `draw/3/plots/      20 B  ${columns}     draw[3]    2026-01-31 12:00:00  ${hashOf('the tree of plots').slice(0, 12)}`,
    ]);
    const json = await wiz('files', ['files', 'ls', '3MN', '--json'], { record: file });
    assert.deepEqual(
      JSON.parse(json.stdout).map(({ name, runId }: { name: string; runId: string }) => [name, runId]),
      [[FILE, RUN_ID]],
    );
    assert.deepEqual(
      recorded(file).filter((one) => 'limit' in one),
      [
        { runId: '', pipeline: 'audit', all: true, limit: 1000 },
        { runId: '3MN', pipeline: '', all: false, limit: 1000 },
      ],
    );
  });

  test('get: here, under its own name, and nothing else is left behind', async () => {
    const cwd = emptyFolder();
    const { stdout, stderr, code } = await wiz('files', ['files', 'get', FILE], { cwd });
    assert.deepEqual([stdout, stderr, code], ['report.html\n', '', 0]);
    assert.deepEqual(readdirSync(cwd), ['report.html']);
    assert.ok(readFileSync(join(cwd, 'report.html')).equals(REPORT));
  });

  test('get: a stream that breaks goes on where it was', async () => {
    const cwd = emptyFolder();
    const file = record();
    const argv = ['files', 'get', FILE, '-o', 'x', '--json'];
    const { stdout, code } = await wiz('files-break', argv, { cwd, record: file });
    assert.deepEqual(JSON.parse(stdout), { path: 'x', hash: hashOf(REPORT), size: 1_000_000, folder: false });
    assert.equal(code, 0);
    assert.ok(readFileSync(join(cwd, 'x')).equals(REPORT));
    const offsets = recorded(file).flatMap(({ offset }) => (offset === undefined ? [] : [offset]));
    assert.deepEqual(offsets.slice(0, 3), [0, 100_000, 200_000]);
  });

  test('get: what is there is not overwritten without --force', async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, 'report.html'), 'mine');
    const refused = await wiz('files', ['files', 'get', FILE], { cwd });
    assert.deepEqual([refused.code, readFileSync(join(cwd, 'report.html'), 'utf8')], [2, 'mine']);
    assert.match(refused.stderr, /report\.html is there already\n {2}--force replaces it/);
    assert.equal((await wiz('files', ['files', 'get', FILE, '--force'], { cwd })).code, 0);
    assert.equal(statSync(join(cwd, 'report.html')).size, 1_000_000);
  });

  test('get: content that is not what its hash says leaves nothing: exit 3', async () => {
    const cwd = emptyFolder();
    const { stderr, code } = await wiz('files-rot', ['files', 'get', FILE], { cwd });
    assert.match(stderr, /^wiz: What came of .*report\.html.* is not what its hash says\./);
    assert.deepEqual([code, readdirSync(cwd)], [3, []]);
  });

  test('get: a folder whole, with empty folders and what may be executed, into a folder that is there', async () => {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, 'here'));
    const { stdout, code } = await wiz('files', ['files', 'get', PLOTS, '-o', 'here'], { cwd });
    assert.deepEqual([stdout, code], ['here/plots\n', 0]);
    const root = join(cwd, 'here/plots');
    assert.deepEqual(readdirSync(root, { recursive: true }).sort(), [
      'a.png',
      'empty',
      'more',
      'more/b.png',
      'more/latest.png',
      'more/run.sh',
    ]);
    assert.equal(readFileSync(join(root, 'a.png'), 'utf8'), 'first plot');
    assert.equal(readlinkSync(join(root, 'more/latest.png')), '../a.png');
    assert.equal(statSync(join(root, 'more/run.sh')).mode & 0o100, 0o100);
    assert.equal(statSync(join(root, 'a.png')).mode & 0o111, 0);
    const again = await wiz('files', ['files', 'get', PLOTS, '-o', 'here', '--force'], { cwd });
    assert.deepEqual([again.code, readdirSync(join(cwd, 'here'))], [0, ['plots']]);
  });

  test('get and cat: one file of a folder, or a folder in it', async () => {
    assert.equal((await wiz('files', ['files', 'cat', `${PLOTS}/more/run.sh`])).stdout, '#!/bin/sh\n');
    const cwd = emptyFolder();
    assert.equal((await wiz('files', ['files', 'get', `${PLOTS}/more/`], { cwd })).code, 0);
    assert.deepEqual(readdirSync(join(cwd, 'more')).sort(), ['b.png', 'latest.png', 'run.sh']);
    assert.equal((await wiz('files', ['files', 'cat', `${PLOTS}/more/latest.png`])).stdout, 'first plot');
  });

  test('get: what leads out of its folder is not made', async () => {
    const cwd = emptyFolder();
    const { stderr, code } = await wiz('files', ['files', 'get', `${RUN_ID}/draw/escapes`], { cwd });
    assert.deepEqual([stderr, code], ['wiz: The folder holds "a/b", which leads out of it.\n', 3]);
    assert.deepEqual(readdirSync(cwd), []);
  });

  test('cat: byte for byte; a folder is refused with what to do', async () => {
    const { bytes, code } = await wiz('files', ['files', 'cat', FILE]);
    assert.ok(bytes.equals(REPORT));
    assert.equal(code, 0);
    const refused = await wiz('files', ['files', 'cat', PLOTS]);
    assert.deepEqual(
      [refused.stderr, refused.code],
      [
        `wiz: ${PLOTS} is a folder\n  All of it: wiz files get ${PLOTS}. One file of it: wiz files cat ${PLOTS}/a.png\n`,
        2,
      ],
    );
  });

  test('cat: nobody reads on: it ends quietly', async () => {
    const { child, says, ended } = start('files', ['files', 'cat', FILE]);
    await says('');
    child.stdout.once('data', () => child.stdout.destroy());
    const { stderr, code } = await ended;
    assert.deepEqual([stderr, code], ['', 0]);
  });

  test('what is not there, and where it cannot be put', async () => {
    const missing = await wiz('files', ['files', 'get', 'latest/x/y']);
    assert.deepEqual([missing.stderr, missing.code], ['wiz: There is no file "latest/x/y".\n', 2]);
    const nowhere = await wiz('files', ['files', 'get', FILE, '-o', 'no/such/x'], { cwd: emptyFolder() });
    assert.match(nowhere.stderr, /^wiz: cannot write no\/such\/x: there is no folder no\/such\n/);
  });
});

describe('lineage', { concurrency: 2 }, () => {
  test('of a file on disk, by its hash: a tree of runs and inputs', async () => {
    const file = record();
    const path = join(folder, 'report.html');
    writeFileSync(path, 'on disk');
    const { stdout, code } = await wiz('lineage', ['lineage', path, '--depth', '3'], { record: file });
    const hash = (name: string) => hashOf(name).slice(0, 12);
    const of = `run ${RUN_ID} of audit v2  2026-01-31 12:00:00`;
    assert.equal(
      stdout,
      `out/report.html  ${hash('report.html')}  1.2 KB

Made by
└─ report  ${of}
     params root=packages depth=2
   ├─ sizes  ${hash('sizes')}  1.2 KB
   │  └─ size  ${of}
   │     ├─ list  ${hash('list')}  1.2 KB
   │     │  └─ load  run ${OTHER_RUN} of fetch, attempt 2  2026-01-31 12:00:00
   │     └─ value of count  ${of}
   │        └─ count.mjs  ${hash('count.mjs')}
   └─ list  ${hash('list')}  1.2 KB
      └─ load  run ${OTHER_RUN} of fetch, attempt 2  2026-01-31 12:00:00  (shown above)

No run used it.
`,
    );
    assert.equal(code, 0);
    assert.deepEqual(recorded(file)[1], { name: hashOf('on disk'), depth: 3 });
  });

  test('a name goes on as it is; --up, --json', async () => {
    const file = record();
    const { stdout } = await wiz('lineage', ['lineage', 'latest/report.html', '--up', '--json'], {
      record: file,
    });
    const { up, down } = JSON.parse(stdout);
    assert.deepEqual([up.length, up[0].params, down], [4, { root: 'packages', depth: 2 }, undefined]);
    assert.deepEqual(recorded(file)[1], { name: 'latest/report.html', depth: 0 });
  });

  test('of a folder on disk, by the hash of its tree', async () => {
    const path = emptyFolder();
    writeFileSync(join(path, 'b.txt'), 'content');
    const file = record();
    assert.equal((await wiz('lineage', ['lineage', path], { record: file })).code, 0);
    const tree = `wiz-tree 1\nfile ${hashOf('content')} 7 b.txt\0`;
    assert.deepEqual(recorded(file)[1], { name: hashOf(tree), depth: 0 });
  });

  test('a file that no run knows', async () => {
    const path = join(folder, 'stray');
    writeFileSync(path, 'nobody made it');
    const { stderr, code } = await wiz('lineage', ['lineage', path]);
    assert.match(stderr, /^wiz: no run left or used .*stray\n {2}Its SHA-256 is [0-9a-f]{64}: /);
    assert.equal(code, 2);
  });
});

describe('data', { concurrency: 2 }, () => {
  test('query: tabs in a pipe, CSV and JSON on request, every digit kept', async () => {
    const plain = await wiz('records', ['data', 'query', 'select']);
    assert.equal(
      plain.stdout,
      'city\tn\tn\nBern, "CH"\t12345678901234567890\t1.5\ntwo\\nlines\\t\t\t{"a":[1]}\n\t-3\ttrue\n',
    );
    const csv = await wiz('records', ['data', 'query', 'select', '--csv']);
    assert.equal(
      csv.stdout,
      'city,n,n\n"Bern, ""CH""",12345678901234567890,1.5\n"two\nlines\t",,"{""a"":[1]}"\n"",-3,true\n',
    );
    const json = await wiz('records', ['data', 'query', 'select', '--json']);
    assert.match(json.stdout, /"n":12345678901234567890,/);
    assert.deepEqual(JSON.parse(json.stdout)[1], { city: 'two\nlines\t', n: null, n_2: { a: [1] } });
  });

  test('query: no rows, SQL from standard input, what is refused', async () => {
    assert.equal((await wiz('records', ['data', 'query', 'select none', '--json'])).stdout, '[]\n');
    assert.equal((await wiz('records', ['data', 'query', 'select none', '--csv'])).stdout, 'city,n,n\n');
    const file = record();
    const { child, ended } = start('records', ['data', 'query', '-'], { record: file });
    child.stdin.end('select 1\n');
    assert.equal((await ended).code, 0);
    assert.deepEqual(recorded(file)[1], { sql: 'select 1\n' });
    const refused = await wiz('records', ['data', 'query', 'drop table x']);
    assert.deepEqual([refused.stderr, refused.code], ['wiz: Only SELECT is allowed.\n', 2]);
  });

  test('tables', async () => {
    const { stdout } = await wiz('records', ['data', 'tables']);
    assert.equal(stdout, 'TABLE          ROWS  COLUMNS\ntemperatures  1,204  city text, celsius number\n');
  });
});

describe('instances', { concurrency: 2 }, () => {
  test('runs get: counts, the first that failed, what the cache decided, what is kept', async () => {
    const { stdout } = await wiz('instances', ['runs', 'get', 'latest']);
    const lines = stdout.split('\n');
    assert.ok(lines.includes('Kept        out/report.html (1.0 MB), 24 rows in temperatures'), stdout);
    assert.deepEqual(lines.slice(lines.indexOf('') + 1), [
      'PROCESSOR  STATE      ATTEMPTS  TOOK  REASON            CACHE                MESSAGE',
      'list       Succeeded         1                          changed: file a.csv',
      'parse      Failed                     instances-failed                       2 of 3 done, 1 failed',
      '',
      `1 instance of parse failed. All: wiz runs get ${RUN_ID} --instances parse`,
      'PROCESSOR  STATE   ATTEMPTS  TOOK  REASON     MESSAGE',
      'parse[1]   Failed         1  0.5s  exit-code  exited with code 3',
      '',
    ]);
  });

  test('runs get --instances: all, one, none', async () => {
    const all = await wiz('instances', ['runs', 'get', 'latest', '--instances', 'parse']);
    assert.deepEqual(
      all.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ +/).slice(0, 2).join(' ')),
      ['PROCESSOR STATE', 'parse[0] Succeeded', 'parse[1] Failed', 'parse[2] Succeeded'],
    );
    const one = await wiz('instances', ['runs', 'get', 'latest', '--instances', 'parse[1]', '--json']);
    assert.deepEqual(
      JSON.parse(one.stdout).processors.map(({ name }: { name: string }) => name),
      ['parse[1]'],
    );
    const none = await wiz('instances', ['runs', 'get', 'latest', '--instances', 'parse[7]']);
    assert.match(none.stderr, /processor parse of run .* has no instance 7/);
    const wrong = await wiz('instances', ['runs', 'get', 'latest', '--instances', 'pars']);
    assert.match(wrong.stderr, /has no processor pars\n {2}Did you mean parse\?/);
    assert.equal(wrong.code, 2);
  });

  test('runs logs: of one instance as it is, of a processor those of all that ran, in order', async () => {
    const one = await wiz('instances', ['runs', 'logs', 'latest', 'parse[1]']);
    assert.equal(one.stdout, 'of parse[1]\n');
    const file = record();
    const all = await wiz('instances', ['runs', 'logs', 'latest', 'parse'], { record: file });
    assert.equal(all.stdout, 'parse[1] | of parse[1]\nparse[2] | of parse[2]\n');
    const asked = recorded(file).flatMap(({ logs }) => (logs ? [logs] : []));
    assert.deepEqual(asked, ['parse[1]', 'parse[2]']);
    assert.equal((await wiz('instances', ['runs', 'logs', 'latest', 'list'])).stdout, 'of list\n');
  });

  test('runs retry --from takes processors', async () => {
    const { stderr, code } = await wiz('instances', ['runs', 'retry', 'latest', '--from', 'parse[1]']);
    assert.match(
      stderr,
      /--from takes processors, and parse\[1\] is an instance of one\n {2}--from parse starts all/,
    );
    assert.equal(code, 2);
  });
});

describe('housekeeping', { concurrency: 2 }, () => {
  test('runs prune says what goes, and wants to know what to keep', async () => {
    const file = record();
    const argv = ['runs', 'prune', '--keep', '5', '--older-than', '30d', '--dry-run'];
    const { stdout, stderr } = await wiz('housekeeping', argv, { record: file });
    assert.deepEqual(
      [stdout, stderr],
      [
        `${RUN_ID}\n${OTHER_RUN}\n`,
        'Would delete 2 runs and 3 files, 1.2 MB. 2 more files are used no more: a prune in an hour deletes them.\n',
      ],
    );
    const { keep, ageMs, dryRun } = recorded(file)[1] as { keep: number; ageMs: number; dryRun: boolean };
    assert.deepEqual([keep, Math.floor(ageMs / 86_400_000), dryRun], [5, 30, true]);
    const refused = await wiz('housekeeping', ['runs', 'prune']);
    assert.deepEqual([refused.code, refused.stdout], [2, '']);
  });

  test('runs staging prints paths', async () => {
    const file = record();
    const { stdout } = await wiz('housekeeping', ['runs', 'staging'], { record: file });
    assert.equal(stdout, '/state/staging/x\n');
    const removed = await wiz('housekeeping', ['runs', 'staging', 'abc', '--remove'], { record: file });
    assert.deepEqual([removed.stdout, removed.stderr], ['/state/staging/x\n', 'Removed, 4.2 KB freed.\n']);
    assert.deepEqual(
      recorded(file).filter((one) => 'runId' in one),
      [
        { runId: 'latest', remove: false },
        { runId: 'abc', remove: true },
      ],
    );
  });
});
