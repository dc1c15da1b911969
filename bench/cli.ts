/**
 * How long commands take, from start to exit: `npm run bench:cli [-- --json]`. Needs the built bin.
 *
 *   node      node -e 0, which nothing that runs on Node can beat
 *   version   wiz --version
 *   cold      wiz run of a pipeline of one processor, with no state folder and no executor
 *   warm      the same again: the executor of the run before serves it
 *
 * They take turns. The first round only fills Node's compile cache and is not counted.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, note, printResults, ROUNDS, rounded } from './rounds.ts';

const bin = join(import.meta.dirname, '../cli/bin/wiz.js');
const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
const home = join(folder, 'home');
const pipeline = join(folder, 'hello.yaml');
writeFileSync(pipeline, 'name: hello\nprocessors:\n  greet: { run: echo hello }\n');

const commands: Record<string, string[]> = {
  node: ['-e', '0'],
  version: [bin, '--version'],
  cold: [bin, 'run', pipeline],
  warm: [bin, 'run', pipeline],
};
const times: Record<string, number[]> = { node: [], version: [], cold: [], warm: [] };
try {
  for (let i = 0; i <= ROUNDS; i++) {
    for (const [name, args] of Object.entries(commands)) {
      const ms = timed(args);
      note(`round ${i}: ${name.padEnd(7)} ${rounded(ms)} ms`);
      if (i > 0) times[name]!.push(ms);
    }
    stopExecutors();
    rmSync(home, { recursive: true });
  }
} finally {
  stopExecutors();
  rmSync(folder, { recursive: true });
}

const of = (name: string) => rounded(median(times[name]!));
printResults(
  { node_ms: of('node'), version_ms: of('version'), run_cold_ms: of('cold'), run_warm_ms: of('warm') },
  {
    node_ms: 'ms, node -e 0',
    version_ms: 'ms, wiz --version',
    run_cold_ms: 'ms, wiz run of one processor, nothing there before',
    run_warm_ms: 'ms, wiz run of one processor, its executor still there',
  },
);

function timed(args: string[]): number {
  const started = performance.now();
  const { status, stderr } = run(args);
  const took = performance.now() - started;
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
  return took;
}

function stopExecutors(): void {
  run([bin, 'executor', 'stop', '--force']);
}

function run(args: string[]) {
  return spawnSync(process.execPath, args, {
    env: { ...process.env, WIZ_HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
}
