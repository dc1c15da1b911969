import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { root, wizFor } from './wiz.ts';

const run = promisify(execFile);
const dist = join(root, 'dist');

/** What a bundled file imports: at start-up, and with import(). */
function importsOf(file: string): { atStart: string[]; later: string[] } {
  const text = readFileSync(file, 'utf8');
  const atStart = text.matchAll(/^(?:import|export)\b[^;"]*?(?:\bfrom )?"([^"\n]+)";$/gm);
  const later = text.matchAll(/\bimport\("([^"\n]+)"\)/g);
  return { atStart: [...atStart].map((match) => match[1]!), later: [...later].map((match) => match[1]!) };
}

/** Packages whose code is loaded when the file is, without any import(). */
function packagesAtStart(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  // The bundler names each file that it took in.
  for (const match of readFileSync(file, 'utf8').matchAll(
    /^(?: {2})?\/\/ .*?node_modules\/((?:@[^/]+\/)?[^/]+)\//gm,
  )) {
    packages.add(match[1]!);
  }
  for (const target of importsOf(file).atStart.filter((name) => name.startsWith('.'))) {
    for (const name of packagesAtStart(join(dirname(file), target), seen)) packages.add(name);
  }
  return packages;
}

test('the bundle loads nothing from node_modules but what package.json depends on', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = globSync('**/*.js', { cwd: dist });
  assert.ok(files.length > 20);
  const atStart = new Set(files.flatMap((file) => importsOf(join(dist, file)).atStart));
  const packages = [...atStart].filter((name) => !name.startsWith('.') && !isBuiltin(name));
  assert.deepEqual(
    packages.filter((name) => !(name in dependencies)),
    [],
  );
});

test('a start of the command line loads no heavy package', () => {
  const packages = packagesAtStart(join(dist, 'cli/main.js'));
  assert.ok(packages.has('@oclif/core'));
  const heavy = ['@bufbuild/protobuf', '@grpc/grpc-js', 'drizzle-orm', 'graphology', 'yaml', 'zod'];
  assert.deepEqual(
    heavy.filter((name) => packages.has(name)),
    [],
  );
});

test('wiz run loads few files: each costs its start about 0.7 ms', async (t) => {
  const wiz = wizFor(t);
  const list = join(wiz.folder, 'loaded');
  const pipeline = join(wiz.folder, 'p.yaml');
  writeFileSync(pipeline, 'name: p\nprocessors: { a: { run: echo 1 } }\n');
  const preload = pathToFileURL(join(import.meta.dirname, 'loaded-files.fixture.ts')).href;
  const env = { NODE_OPTIONS: `--import ${preload}`, LOADED_FILES: list };
  const ran = await wiz.run(['run', pipeline], { env });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const loaded = readFileSync(list, 'utf8').trim().split('\n');
  const bundled = loaded.filter((url) => url.startsWith(pathToFileURL(dist).href));
  // 30 when this was written; 100 when every import() of the daemon made chunks of its own (layers in build.ts).
  assert.ok(bundled.length > 5 && bundled.length <= 40, `${bundled.length} files:\n${bundled.join('\n')}`);
});

test('the spawner is small: it loads no package', () => {
  assert.deepEqual([...packagesAtStart(join(dist, 'executor/program/spawner-main.js'))], []);
});

test('the packed package works with its own dependencies alone', async (t) => {
  const wiz = wizFor(t);
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', wiz.folder], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(packed.stdout) as [
    { filename: string; files: { path: string }[] },
  ];
  const outside = files.filter(
    ({ path }) => !/^(?:dist\/|cli\/bin\/|(?:package\.json|README\.md|LICENSE)$)/.test(path),
  );
  assert.deepEqual(outside, []);
  await run('tar', ['-xzf', join(wiz.folder, filename), '-C', wiz.folder]);

  const installed = join(wiz.folder, 'package');
  const listed = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: root });
  const folders = listed.stdout.split('\n').filter((path) => path.includes('node_modules'));
  for (const folder of folders) {
    const nested = (path: string) => !relative(folder, path).startsWith('node_modules');
    cpSync(folder, join(installed, relative(root, folder)), { recursive: true, filter: nested });
  }

  const pipeline = join(wiz.folder, 'packed.yaml');
  writeFileSync(
    pipeline,
    'name: packed\nprocessors:\n  a: { run: echo 4 }\n  b: { needs: a, uses: json, with: { expression: 1 + 1 } }\n',
  );
  const ran = await wiz.run(['run', pipeline], { bin: join(installed, 'cli/bin/wiz.js') });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
});
