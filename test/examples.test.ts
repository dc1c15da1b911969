import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { root, type Wiz, wizFor } from './wiz.ts';

/** Runs an example to its end, which must be a success, and returns what its processors printed. */
async function runExample(wiz: Wiz, file: string, args: string[] = []): Promise<string> {
  const run = await wiz.run(['run', file, ...args]);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  const logs = await wiz.run(['runs', 'logs', 'latest']);
  assert.equal(logs.code, 0, logs.stderr);
  return logs.stdout;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('dependency-audit finds the packages that npm ls finds', async (t) => {
  const wiz = wizFor(t);
  await runExample(wiz, 'examples/dependency-audit/pipeline.yaml', ['-p', `out=${wiz.folder}`]);

  const [head, ...rows] = readFileSync(join(wiz.folder, 'packages.csv'), 'utf8').trim().split('\n');
  assert.equal(head, 'name,version,licence,bytes,dependencies,path');
  const found = new Set(rows.map((row) => row.split(',').slice(0, 2).join('@')));
  const expected = await packagesOfNpm();
  assert.deepEqual([...found].sort(), [...expected].sort());

  const report = readFileSync(join(wiz.folder, 'report.md'), 'utf8');
  assert.ok(
    report.includes(`${rows.length} packages are installed (${expected.size} different ones)`),
    report,
  );
  assert.deepEqual(sectionOf(report, 'In several versions'), severalVersions(expected));
  const licences = sectionOf(report, 'Licences').map((row) => Number(row.split(' | ')[1]));
  assert.equal(
    licences.reduce((sum, n) => sum + n, 0),
    rows.length,
  );
  const [day] = globSync('reports/*.md', { cwd: wiz.folder });
  assert.equal(readFileSync(join(wiz.folder, day!), 'utf8'), report);
});

test('dependency-audit only warns about a licence that is not allowed', async (t) => {
  const wiz = wizFor(t);
  const args = ['-p', `out=${wiz.folder}`, '--context', 'ALLOWED_LICENCES=MIT'];
  const logs = await runExample(wiz, 'examples/dependency-audit/pipeline.yaml', args);
  assert.match(logs, /policy \| not allowed: Apache-2\.0/);
  assert.match(readFileSync(join(wiz.folder, 'report.md'), 'utf8'), /Some licences are not allowed/);
});

test('retries-and-timeouts', async (t) => {
  const logs = await runExample(wizFor(t), 'examples/retries-and-timeouts.yaml');
  assert.match(logs, /flaky \| attempt 3/);
  assert.match(logs, /after \| flaky got there, and slow was given up/);
});

test('branches-and-joins', async (t) => {
  const logs = await runExample(wizFor(t), 'examples/branches-and-joins.yaml', [
    '-p',
    'words=one three five',
  ]);
  assert.match(logs, /join \| 3 words, the longest is three/);
});

test('http-and-files', async (t) => {
  const wiz = wizFor(t);
  const args = ['-p', `port=${await freePort()}`, '-p', `out=${wiz.folder}`];
  await runExample(wiz, 'examples/http-and-files/pipeline.yaml', args);
  assert.equal(readFileSync(join(wiz.folder, 'prices.json'), 'utf8'), '{"apple":3,"cherry":9}\n');
  assert.ok(existsSync(join(wiz.folder, 'fruit.csv')));
});

test('every example is run here', () => {
  const tests = readFileSync(import.meta.filename, 'utf8');
  for (const file of globSync('examples/{*,*/*}.yaml', { cwd: root })) {
    assert.ok(tests.includes(`'${file}'`), `${file} is not run`);
  }
});

/** name@version of everything that npm holds to be installed in this repository. */
async function packagesOfNpm(): Promise<Set<string>> {
  type Tree = { version?: string; dependencies?: Record<string, Tree> };
  // npm answers with an exit code when it finds fault with the tree, which it prints all the same.
  const { stdout } = await promisify(execFile)('npm', ['ls', '--all', '--json'], {
    cwd: root,
    maxBuffer: 1 << 28,
  }).catch((error: { stdout: string }) => error);
  const found = new Set<string>();
  const visit = ({ dependencies = {} }: Tree): void => {
    for (const [name, tree] of Object.entries(dependencies)) {
      // Optional ones for other platforms are named, but have no version.
      if (tree.version) found.add(`${name}@${tree.version}`);
      visit(tree);
    }
  };
  visit(JSON.parse(stdout));
  return found;
}

/** Rows of the report's table of duplicates, from name@version. */
function severalVersions(packages: Set<string>): string[] {
  const versions = new Map<string, string[]>();
  for (const one of packages) {
    const at = one.lastIndexOf('@');
    versions.set(one.slice(0, at), [...(versions.get(one.slice(0, at)) ?? []), one.slice(at + 1)]);
  }
  return [...versions]
    .filter(([, all]) => all.length > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, all]) => `${name} | ${all.sort().join(', ')}`);
}

/** Rows of the table below a heading. */
function sectionOf(report: string, heading: string): string[] {
  const section = report.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/^\| (.*) \|$/gm)].map((match) => match[1]!).slice(2);
}
