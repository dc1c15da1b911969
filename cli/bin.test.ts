/** The bin, in an installation of its own with a main that only tells how it was started. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'bin-'));
after(() => rmSync(folder, { recursive: true }));

const MAIN = `
  process.on('SIGTERM', () => process.exit(9));
  console.log(JSON.stringify({ argv: process.argv.slice(2), again: process.env.WIZ_STARTED_AGAIN ?? null }));
  if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
  else if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');
  else process.exit(Number(process.argv[2]));
`;

/** Pretends to be Node 20, but where wiz has started itself again. */
const OLD_NODE = join(folder, 'old-node.mjs');
writeFileSync(
  OLD_NODE,
  `if (!process.env.WIZ_STARTED_AGAIN) {
    const versions = { ...process.versions, node: '20.20.2' };
    Object.defineProperty(process, 'versions', { value: versions });
    Object.defineProperty(process, 'version', { value: 'v20.20.2' });
  }`,
);

function install(
  name: string,
  options: { built?: boolean; node?: 'package' | 'platform' | 'none' } = {},
): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'cli/bin'), { recursive: true });
  mkdirSync(join(root, 'dist/cli'), { recursive: true });
  copyFileSync(join(import.meta.dirname, 'bin/wiz.js'), join(root, 'cli/bin/wiz.js'));
  writeFileSync(join(root, 'package.json'), '{"name":"wiz","version":"1.2.3","type":"module"}');
  if (options.built ?? true) writeFileSync(join(root, 'dist/cli/main.js'), MAIN);
  const platform = `node-${process.platform}-${process.arch}`;
  const where = { package: 'node', platform: `node/node_modules/${platform}` }[options.node as string];
  if (where) {
    mkdirSync(join(root, 'node_modules', where, 'bin'), { recursive: true });
    writeFileSync(join(root, 'node_modules/node/package.json'), '{"name":"node","version":"24.0.0"}');
    symlinkSync(process.execPath, join(root, 'node_modules', where, 'bin/node'));
  }
  return join(root, 'cli/bin/wiz.js');
}

const environment = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };

function run(bin: string, argv: string[], options: { old?: boolean } = {}) {
  const preload = options.old ? ['--import', OLD_NODE] : [];
  return spawnSync(process.execPath, [...preload, bin, ...argv], { encoding: 'utf8', env: environment });
}

test('--version is answered by itself, on any Node', () => {
  const bin = install('version', { built: false });
  for (const argv of ['--version', '-v', 'version']) {
    for (const old of [false, true]) assert.equal(run(bin, [argv], { old }).stdout, 'wiz 1.2.3\n');
  }
});

test('on a new Node it starts at once', () => {
  const { stdout, status } = run(install('new'), ['7', '--x']);
  assert.deepEqual([JSON.parse(stdout), status], [{ argv: ['7', '--x'], again: null }, 7]);
});

test('on an old Node it starts again with the one of the `node` package, wherever that has its binary', () => {
  for (const node of ['package', 'platform'] as const) {
    const { stdout, status } = run(install(`old-${node}`, { node }), ['7', '--x'], { old: true });
    assert.deepEqual([JSON.parse(stdout), status], [{ argv: ['7', '--x'], again: null }, 7]);
  }
});

test('signals reach the wiz that was started again, and how it ended is how we end', async () => {
  const bin = install('signals', { node: 'package' });
  const child = spawn(process.execPath, ['--import', OLD_NODE, bin, 'wait'], { env: environment });
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve([code, signal])));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [9, null]);
  assert.equal(run(bin, ['die'], { old: true }).signal, 'SIGKILL');
});

test('without a Node that will do, it says what to do', () => {
  const { stderr, status } = run(install('none'), ['run'], { old: true });
  assert.match(stderr, /^wiz: wiz needs Node 24 or later; this is v20\.20\.2\. .*npm install node@24/);
  assert.equal(status, 3);
});

test('when it was not built, it says what to do', () => {
  const { stderr, status } = run(install('unbuilt', { built: false }), ['run']);
  assert.match(stderr, /^wiz: wiz is not built: .*main\.js is missing\. Run `npm ci` in /);
  assert.equal(status, 3);
});
