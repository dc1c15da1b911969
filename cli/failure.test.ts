/** What a person and a script get when something is wrong: text, JSON and exit codes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { wiz } from './fixture/wiz.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-'));
const file = join(folder, 'audit.yaml');
writeFileSync(file, 'name: audit\n');
after(() => rmSync(folder, { recursive: true }));

const CASES: { name: string; scenario?: string; argv: string[]; code: number; stderr: string }[] = [
  {
    name: 'a bad file: every error with its place, and what to do',
    scenario: 'refuses',
    argv: ['pipeline', 'apply', file],
    code: 2,
    stderr: `audit.yaml:3:5: unknown key \`neds\`
  Did you mean needs?
audit.yaml: there is a cycle: a, b, a
wiz: 2 errors; nothing was stored
`,
  },
  {
    name: 'a file that is not there',
    scenario: 'succeeds',
    argv: ['run', './nothing.yaml'],
    code: 2,
    stderr: 'wiz: cannot read ./nothing.yaml: there is no such file\n',
  },
  {
    name: 'a folder for a file',
    scenario: 'succeeds',
    argv: ['pipeline', 'validate', './cli'],
    code: 2,
    stderr: 'wiz: cannot read ./cli: it is a folder\n',
  },
  {
    name: 'no such pipeline, but such a file',
    scenario: 'unreachable',
    argv: ['run', 'package.json'],
    code: 2,
    stderr: 'wiz: There is no pipeline "package.json".\n  To use the file, write ./package.json\n',
  },
  {
    name: 'cannot reach',
    scenario: 'unreachable',
    argv: ['pipeline', 'list'],
    code: 3,
    stderr: 'wiz: the executor does not answer\n',
  },
  {
    name: 'a fault of ours: no stack trace',
    scenario: 'unreachable',
    argv: ['runs', 'list'],
    code: 3,
    stderr: 'wiz: internal error\n',
  },
  {
    name: 'an unknown command',
    argv: ['rum', 'audit'],
    code: 2,
    stderr: 'wiz: there is no command `wiz rum`\n  Did you mean `wiz run`?\n',
  },
  {
    name: 'an unknown command of a topic',
    argv: ['pipeline', 'aply'],
    code: 2,
    stderr: 'wiz: there is no command `wiz pipeline aply`\n  Did you mean `wiz pipeline apply`?\n',
  },
  {
    name: 'an unknown flag',
    argv: ['run', 'audit', '--detahc'],
    code: 2,
    stderr:
      'wiz: nonexistent flag: --detahc\n  Did you mean --detach? `wiz run --help` shows what it takes.\n',
  },
  {
    name: 'a missing argument',
    argv: ['runs', 'get'],
    code: 2,
    stderr: `wiz: missing 1 required arg:
run  Id of a run, the beginning of one that fits no other, or \`latest\`.
  \`wiz runs get --help\` shows what it takes.
`,
  },
  {
    name: 'a parameter without a value',
    argv: ['run', 'audit', '-p', 'root'],
    code: 2,
    stderr: 'wiz: --param wants key=value, not `root`\n',
  },
  {
    name: 'a time that is none',
    argv: ['exec', '--timeout', 'soon', '--', 'true'],
    code: 2,
    stderr: 'wiz: --timeout wants a time such as 30s, 10m or 1h30m, not `soon`\n',
  },
  {
    name: 'exec without a program',
    argv: ['exec'],
    code: 2,
    stderr: 'wiz: there is no program to run\n  For example: wiz exec -- uname -a\n',
  },
  {
    name: 'an executor without a token',
    argv: ['run', 'audit', '--executor', 'host:1'],
    code: 2,
    stderr:
      'wiz: the executor at host:1 wants a token\n  Set WIZ_EXECUTOR_TOKEN, or name a file with --executor-token-file.\n',
  },
];

describe('failures', { concurrency: 2 }, () => {
  for (const { name, scenario, argv, code, stderr } of CASES) {
    test(name, async () => {
      const ended = await wiz(scenario ?? 'lists', argv, { environment: { WIZ_EXECUTOR_TOKEN: '' } });
      assert.deepEqual([ended.stderr, ended.stdout, ended.code], [stderr, '', code]);
    });
  }

  test('with --json the error is one JSON object on stderr', async () => {
    const { stderr, stdout, code } = await wiz('refuses', ['pipeline', 'apply', file, '--json']);
    assert.deepEqual([stdout, code], ['', 2]);
    const { error } = JSON.parse(stderr);
    assert.deepEqual([error.code, error.message], ['invalid_argument', '2 errors; nothing was stored']);
    assert.deepEqual(error.diagnostics[0], {
      file: 'audit.yaml',
      line: 3,
      column: 5,
      message: 'unknown key `neds`',
      hint: 'Did you mean needs?',
    });
  });

  test('WIZ_DEBUG=1 shows where it happened', async () => {
    const { stderr } = await wiz('unreachable', ['pipeline', 'list'], { environment: { WIZ_DEBUG: '1' } });
    assert.match(stderr, /^wiz: the executor does not answer\n.*\n\s+at /);
  });
});
