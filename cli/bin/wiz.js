#!/usr/bin/env node
// The only file of wiz that an older Node may see: plain JavaScript that Node 20 parses. It finds a Node that can
// run wiz, answers --version without loading anything, and loads the rest.
import { existsSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;
const CANNOT_START = 3;

const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), '..', '..');
const argv = process.argv.slice(2);

if (argv.length === 1 && ['--version', '-v', 'version'].includes(argv[0])) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  process.stdout.write(`wiz ${version}\n`);
} else if (Number(process.versions.node.split('.')[0]) < NEEDED_NODE) {
  await startAgain();
} else {
  await start();
}

async function start() {
  // Programs that start wiz themselves may need it started again.
  delete process.env.WIZ_STARTED_AGAIN;
  // Not Node's default under the shared temp folder, where somebody else could leave code for us to run.
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  nodeModule.enableCompileCache(process.env.NODE_COMPILE_CACHE || join(cache, 'wiz', 'compiled'));
  const main = join(root, 'dist', 'cli', 'main.js');
  if (!existsSync(main)) stop(`wiz is not built: ${main} is missing. Run \`npm ci\` in ${root}.`);
  await import(new URL('../../dist/cli/main.js', import.meta.url).href);
}

/** Runs wiz again on the Node that the `node` package brought. */
async function startAgain() {
  const node = process.env.WIZ_STARTED_AGAIN ? undefined : bundledNode();
  if (!node) {
    stop(
      `wiz needs Node ${NEEDED_NODE} or later; this is ${process.version}. ` +
        'Install a newer Node, or `npm install node@24` beside wiz, which wiz then uses by itself.',
    );
  }
  // Only here, for it takes 4 ms to load.
  const { spawn } = await import('node:child_process');
  const child = spawn(node, [...process.execArgv, self, ...argv], {
    stdio: 'inherit',
    env: { ...process.env, WIZ_STARTED_AGAIN: '1' },
  });
  // A terminal sends Ctrl-C to both processes; passed on as well it would count as the second one.
  for (const signal of ['SIGINT', 'SIGQUIT']) {
    process.on(signal, () => process.stdin.isTTY || child.kill(signal));
  }
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => stop(`wiz could not start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? CANNOT_START);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    // SIGKILL and the like end us above; a signal that Node ignores does not.
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 100);
  });
}

/** Path of the binary of the `node` package: in its own folder, or in the package of this platform. */
function bundledNode() {
  const require = nodeModule.createRequire(import.meta.url);
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folders = [];
  for (const name of ['node', platform]) {
    try {
      folders.push(dirname(require.resolve(`${name}/package.json`)));
    } catch {
      // Not installed.
    }
  }
  return folders
    .flatMap((folder) => [join(folder, 'bin', binary), join(folder, 'node_modules', platform, 'bin', binary)])
    .find((path) => existsSync(path));
}

function stop(message) {
  process.stderr.write(`wiz: ${message}\n`);
  process.exit(CANNOT_START);
}
