/** Rounds in fresh processes, medians, and how results are printed; for all benchmarks. */
import { spawnSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';

export const ROUNDS = 5;

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    round: { type: 'string' },
    gb: { type: 'string', default: '4' },
    store: { type: 'string', default: 'postgres' },
  },
  strict: true,
});
export const json = values.json;

/** Store of the daemon's benchmark: postgres or sqlite. */
export const store = values.store;

/** Size of the file where content is measured, in GB of 10^9 bytes. */
export const gb = Number(values.gb);

/** Set in a process that was started for one round: what the round is to do. */
export const round: unknown = values.round === undefined ? undefined : JSON.parse(values.round);

/** Runs one round of this benchmark in a process of its own, and returns the numbers it answers with. */
export function inFreshProcess<T extends Record<string, number>>(
  script: string,
  task: object,
  env: NodeJS.ProcessEnv = {},
): T {
  const child = spawnSync(process.execPath, [script, '--round', JSON.stringify(task)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (child.status !== 0)
    throw new Error(`The round ${JSON.stringify(task)} ended with ${child.status ?? child.signal}.`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!) as T;
}

/** What a round answers. */
export function answer(numbers: Record<string, number>): void {
  process.stdout.write(`${JSON.stringify(numbers)}\n`);
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Progress for people; on standard error, so that --json stays one object. */
export function note(text: string): void {
  if (!json) process.stderr.write(`${text}\n`);
}

/** Prints the results: one JSON object, or a table. */
export function printResults(
  results: Record<string, number>,
  meanings: Record<string, string>,
  rounds = ROUNDS,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(results)}\n`);
    return;
  }
  console.log(
    `Medians of ${rounds}; Node ${process.versions.node}, ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)} at the end\n`,
  );
  const width = Math.max(...Object.keys(results).map((name) => name.length));
  for (const [name, value] of Object.entries(results)) {
    console.log(`${name.padEnd(width)}  ${String(value).padStart(9)}  ${meanings[name]}`);
  }
}

/** To `digits` places behind the point. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}
