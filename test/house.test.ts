import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { codeOf } from './house/sources.ts';
import { checkHouse } from './house.ts';

/** What the rules say about a repository of these files. */
function breachesOf(
  t: TestContext,
  files: Record<string, string>,
  longFiles: Record<string, string> = {},
): string[] {
  const root = mkdtempSync(join(tmpdir(), 'house-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkHouse(root, { longFiles });
}

test('a house in order has no breach', (t) => {
  const breaches = breachesOf(t, {
    'package.json': '{"dependencies":{"yaml":"1.0.0"},"devDependencies":{"fastest-levenshtein":"1.0.0"}}',
    'docs/dependencies.md':
      '| `yaml` | reads pipeline files |\n| `fastest-levenshtein` | finds the right name |\n',
    'manager/index.ts': "import { a } from './engine/a.ts';\nexport const b = a;\n",
    'manager/engine/a.ts': [
      "import type { Store } from '../store/store.ts';",
      "import { nearest } from '../spec/nearest.ts';",
      '// Date.now() is not for us',
      "export const a = (store: Store, now: number) => ({ process: 'setTimeout(', t: `${store.process} ${now}` });",
      '',
    ].join('\n'),
    'manager/engine/a.test.ts':
      "import { a } from './a.ts';\nimport test from 'node:test';\ntest.run(Date.now(), a);\n",
    'manager/engine/a.crash.test.ts': "import type { Fixture } from '../../test/fixture.ts';\n",
    'manager/spec/nearest.ts':
      "import { distance } from 'fastest-levenshtein';\nexport const nearest = distance;\n",
    'manager/spec/file.ts': "import { parse } from 'yaml';\nexport const file = parse;\n",
    'cli/main.ts':
      "import { b } from '../manager/index.ts';\nconst { parse } = await import('yaml');\nparse(b);\n",
    'test/whole.test.ts':
      "import '../cli/main.ts';\ntest('x', { skip: 'there is no GPU here' }, () => {});\n",
  });
  // A test that crosses rooms drives the bin; nothing imports cli/.
  assert.deepEqual(breaches, ['test/whole.test.ts:1: test must not import cli/main.ts']);
});

const cases: { name: string; files: Record<string, string>; says: string }[] = [
  {
    name: 'manager imports executor, even for a type',
    files: { 'manager/a.ts': "import type {\n  B,\n} from '../executor/b.ts';\n" },
    says: 'manager/a.ts:1: manager must not import executor/b.ts',
  },
  {
    name: 'executor imports manager lazily',
    files: { 'executor/a.ts': "export const b = () => import('../manager/b.ts');\n" },
    says: 'executor/a.ts:1: executor must not import manager/b.ts',
  },
  {
    name: 'cli passes by the door of the manager',
    files: { 'cli/a.ts': "export * from '../manager/engine/loop.ts';\n" },
    says: 'cli/a.ts:1: cli must not import manager/engine/loop.ts',
  },
  {
    name: 'the engine reaches a module of Node through a file between',
    files: {
      'manager/engine/a.ts': "import { b } from '../spec/b.ts';\nexport const a = b;\n",
      'manager/spec/b.ts': "import { hostname } from 'node:os';\nexport const b = hostname();\n",
    },
    says: 'manager/spec/b.ts:1: node:os must not be reached from manager/engine/ or manager/graph/',
  },
  {
    name: 'the graph reaches the store',
    files: { 'manager/graph/a.ts': "import { b } from '../store/b.ts';\nexport const a = b;\n" },
    says: 'manager/graph/a.ts:1: manager/store/b.ts must not be reached from manager/engine/ or manager/graph/',
  },
  ...['Date.now', 'Math.random', 'setTimeout', 'process', 'new Date'].map((name) => ({
    name: `the engine uses ${name}`,
    files: {
      'manager/engine/a.ts': `export const a = (s: string) => {\n  return ${name}(s.replace(/'/g, ''));\n};\n`,
    },
    says: `manager/engine/a.ts:2: ${name} must be handed in`,
  })),
  {
    name: 'the command line imports zod at start-up',
    files: {
      'package.json': '{"dependencies":{"zod":"4.0.0"}}',
      'docs/dependencies.md': '| `zod` | checks |\n',
      'cli/a.ts': "import { z } from 'zod/v4';\nexport const a = z;\n",
    },
    says: 'cli/a.ts:1: zod/v4 must be imported where it is used, with import()',
  },
  {
    name: 'a file named for nothing',
    files: { 'cli/render/utils.ts': '' },
    says: 'cli/render/utils.ts: a name that says nothing',
  },
  {
    name: 'a folder named for nothing',
    files: { 'cli/common/a.ts': '' },
    says: 'cli/common/a.ts: a name that says nothing',
  },
  {
    name: 'a test far from its source',
    files: { 'manager/tests/a.test.ts': '', 'manager/engine/a.ts': '' },
    says: 'manager/tests/a.test.ts: no source beside it; tests that cross rooms belong in test/',
  },
  {
    name: 'a test skipped without a reason',
    files: { 'test/a.test.ts': "test('a', { skip: true }, () => {});\n" },
    says: "test/a.test.ts:1: skip: true needs a reason: { skip: 'why' }",
  },
  {
    name: 'a test that keeps the others from running',
    files: { 'test/a.test.ts': "\ntest.only('a', () => {});\n" },
    says: "test/a.test.ts:2: test.only( needs a reason: { skip: 'why' }",
  },
  {
    name: 'a long file',
    files: { 'cli/a.ts': '\n'.repeat(351) },
    says: 'cli/a.ts: 351 lines; split it, or give the reason in test/house.ts',
  },
  {
    name: 'something unfinished',
    files: { 'docs/a.md': `\n${'todo'.toUpperCase()}: write this\n` },
    says: `docs/a.md:2: unfinished: ${'todo'.toUpperCase()}: write this`,
  },
  {
    name: 'a dependency nobody explained',
    files: { 'package.json': '{"devDependencies":{"left-pad":"1.0.0"}}' },
    says: 'docs/dependencies.md: no row for left-pad',
  },
  {
    name: 'a package that is there by luck',
    files: { 'test/a.ts': "import { pad } from '@left/pad/lib';\nexport const a = pad;\n" },
    says: 'test/a.ts:1: @left/pad is not in package.json',
  },
  {
    name: 'an explanation of what is gone',
    files: { 'docs/dependencies.md': '| `left-pad` | pads |\n' },
    says: 'docs/dependencies.md: left-pad is no dependency any more',
  },
];

for (const { name, files, says } of cases) {
  test(name, (t) => assert.deepEqual(breachesOf(t, files), [says]));
}

test('a reason for a long file holds while it is long', (t) => {
  const reasons = { 'cli/a.ts': 'a table', 'cli/b.ts': 'was a table' };
  const breaches = breachesOf(t, { 'cli/a.ts': '\n'.repeat(400), 'cli/b.ts': '\n' }, reasons);
  assert.deepEqual(breaches, ['test/house.ts: cli/b.ts is not long any more']);
});

test('code is what is left without comments, strings and regular expressions', () => {
  const text = "const a = 'it\\'s'; // b\nx(/[/'\"]/, 4 / 2, `c ${d + `${e}` } f`); /* g */ h";
  assert.equal(codeOf(text), "const a = '     ';     \nx(/     /, 4 / 2, `   {d + ` {e}` }  `);         h");
});
