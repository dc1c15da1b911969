import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Jimp } from 'jimp';
import { tally } from './log-tally.ts';
import { root, type Wiz, wizFor } from './wiz.ts';

/** Runs an example to its end, which must be a success, and returns what its processors printed. */
async function runExample(wiz: Wiz, file: string, args: string[] = []): Promise<string> {
  const run = await wiz.run(['run', file, ...args]);
  assert.equal(run.code, 0, run.stdout + run.stderr);
  const logs = await wiz.run(['runs', 'logs', 'latest']);
  assert.equal(logs.code, 0, logs.stderr);
  return logs.stdout;
}

/** What the last run has executed: attempts by processor. */
async function executed(wiz: Wiz): Promise<Record<string, number>> {
  const { stdout } = await wiz.run(['runs', 'manifest', 'latest']);
  const { processors } = JSON.parse(stdout) as {
    processors: { name: string; totals: { attempts: number } }[];
  };
  const counts = processors.map(({ name, totals }) => [name, totals.attempts] as const);
  return Object.fromEntries(counts.filter(([, attempts]) => attempts > 0));
}

/** The rows of the last run. */
async function rowsOf<Row>(wiz: Wiz, columns: string, table: string): Promise<Row[]> {
  const sql = `select ${columns} from ${table} where run_id = (select max(run_id) from ${table})`;
  const { stdout, stderr } = await wiz.run(['data', 'query', '--json', sql]);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** Fetches a file of the last run; returns where it is. */
async function fetchFile(wiz: Wiz, name: string): Promise<string> {
  const path = join(wiz.folder, basename(name));
  const { code, stderr } = await wiz.run(['files', 'get', `latest/${name}`, '-o', path, '--force']);
  assert.equal(code, 0, stderr);
  return path;
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

test('photo-contact-sheet shows each photo with its facts, and draws again only what a param changes', async (t) => {
  const wiz = wizFor(t);
  const run = ({ photos = 4, thumb = 60 } = {}) =>
    runExample(wiz, 'examples/photo-contact-sheet/pipeline.yaml', [
      ...[`photos=${photos}`, `thumb=${thumb}`, 'pixels=150', 'across=2'].flatMap((param) => ['-p', param]),
    ]);
  await run();
  assert.deepEqual(await executed(wiz), { draw: 4, measure: 4, scale: 4, sheet: 1 });

  const photos = await rowsOf<{ photo: string; width: number; height: number; mean_colour: string }>(
    wiz,
    'photo, width, height, mean_colour',
    'photos',
  );
  const names = ['photo-001.jpg', 'photo-002.jpg', 'photo-003.jpg', 'photo-004.jpg'];
  assert.deepEqual(
    photos.map(({ photo, width, height }) => [photo, width, height]),
    names.map((name) => [name, 150, 100]),
  );
  assert.equal(new Set(photos.map(({ mean_colour }) => mean_colour)).size, 4);
  const sheet = await Jimp.read(await fetchFile(wiz, 'contact-sheet.jpg'));
  assert.deepEqual([sheet.width, sheet.height], [2 * 244 + 24, 84 + 2 * (40 + 68)]);
  for (const [index, { photo, mean_colour }] of photos.entries()) {
    // Where the sheet has this photo; its mean colour is that of the photo, as far as JPEG keeps it.
    const [x, y] = [24 + (index % 2) * 244, 84 + Math.floor(index / 2) * 108];
    const shown = meanColour(sheet.clone().crop({ x, y, w: 60, h: 40 }).bitmap.data);
    const measured = [1, 3, 5].map((at) => Number.parseInt(mean_colour.slice(at, at + 2), 16));
    const off = shown.map((value, i) => Math.abs(value - measured[i]!));
    assert.ok(Math.max(...off) < 6, `${photo} is ${measured} and the sheet shows ${shown}`);
  }

  await run();
  assert.deepEqual(await executed(wiz), {});
  await run({ thumb: 50 });
  assert.deepEqual(await executed(wiz), { scale: 4, sheet: 1 });
  await run({ photos: 5 });
  assert.deepEqual(await executed(wiz), { draw: 1, measure: 1, scale: 1, sheet: 1 });
});

test('log-analysis counts what is in the log, and only once', async (t) => {
  const wiz = wizFor(t);
  const run = (slow: number) =>
    runExample(wiz, 'examples/log-analysis/pipeline.yaml', [
      ...['megabytes=2', 'parts=3', `slow=${slow}`].flatMap((param) => ['-p', param]),
    ]);
  await run(900);
  assert.deepEqual(await executed(wiz), {
    ...{ generate: 1, split: 1, analyse: 3, probes: 3, join: 1 },
    ...{ suspects: 1, alarm: 1, report: 1 },
  });

  const log = readFileSync(await fetchFile(wiz, 'generate/access.log'), 'latin1');
  assert.ok(log.length >= 2e6 && log.length < 2.01e6);
  const expected = tally(log.trimEnd().split('\n'));
  assert.deepEqual(await rowsOf(wiz, 'hour, requests, errors, bytes, p95_ms', 'log_hours'), expected.hours);
  assert.deepEqual(await rowsOf(wiz, 'status, requests', 'log_statuses'), expected.statuses);
  assert.deepEqual(await rowsOf(wiz, 'path, requests', 'log_paths'), expected.paths);
  const report = readFileSync(await fetchFile(wiz, 'report.html'), 'utf8');
  assert.match(report, /class="alarm">95th percentile above 900 ms: 2026-03-04T14/);
  for (const client of expected.suspects) assert.ok(report.includes(`<td>${client}<`), client);

  await run(900);
  assert.deepEqual(await executed(wiz), {});
  await run(100_000);
  assert.deepEqual(await executed(wiz), { report: 1 });
  assert.doesNotMatch(readFileSync(await fetchFile(wiz, 'report.html'), 'utf8'), /class="alarm"/);
});

test('every example is run here', () => {
  const tests = readFileSync(import.meta.filename, 'utf8');
  for (const file of globSync('examples/{*,*/*}.yaml', { cwd: root })) {
    assert.ok(tests.includes(`'${file}'`), `${file} is not run`);
  }
});

function meanColour(pixels: Uint8Array): number[] {
  const sums = [0, 0, 0];
  for (let at = 0; at < pixels.length; at += 4) for (let i = 0; i < 3; i++) sums[i]! += pixels[at + i]!;
  return sums.map((sum) => Math.round(sum / (pixels.length / 4)));
}

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
