/**
 * How fast processors that do nothing go through the whole system: `npm run bench:dispatch [-- --json]`.
 *
 * Each round is a fresh process with a manager, its own executor process, and its own copy of a SQLite store
 * (synchronous=FULL) that already holds the pipelines. The clock runs from StartRun to RunEnded as seen on the
 * watch stream.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer, inFreshProcess, median, note, printResults, ROUNDS, round, rounded } from './rounds.ts';
import { openSystem } from './system.ts';

const LAYERS = 100;
const LAYER_WIDTH = 100;
const CHAIN = 1_000;
const FAN_OUT = 20_000;
const FLAT = [1_000, 10_000, 100_000];

/** The pipelines by name, and how many processors each has. */
const pipelines: Record<string, { processors: number; yaml(): string }> = {
  layers: { processors: LAYERS * LAYER_WIDTH, yaml: layers },
  chain: { processors: CHAIN, yaml: chain },
};
for (const width of [FAN_OUT, ...FLAT]) {
  pipelines[`wide-${width}`] = { processors: width, yaml: () => fanOut(width) };
}

type Task = { do: 'apply'; home: string } | { do: 'run'; home: string; pipeline: string };
type Round = { ms: number; managerMb: number; executorMb: number };

if (round !== undefined) await oneRound(round as Task);
else allRounds();

async function oneRound(task: Task): Promise<void> {
  const system = await openSystem(task.home);
  if (task.do === 'apply') {
    for (const [name, { yaml }] of Object.entries(pipelines)) await system.apply(`name: ${name}\n${yaml()}`);
    answer({});
  } else {
    const ms = await system.run(task.pipeline);
    answer({ ms, ...(await system.peaks()) });
  }
  await system.close();
}

function allRounds(): void {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
  try {
    const template = join(folder, 'template');
    note('storing the pipelines');
    inFreshProcess(import.meta.filename, { do: 'apply', home: template });
    const rounds: Record<string, Round[]> = Object.fromEntries(
      Object.keys(pipelines).map((name) => [name, []]),
    );
    for (let i = 1; i <= ROUNDS; i++) {
      for (const [pipeline, { processors }] of Object.entries(pipelines)) {
        const home = join(folder, 'home');
        cpSync(template, home, { recursive: true });
        const result = inFreshProcess<Round>(import.meta.filename, { do: 'run', home, pipeline });
        rmSync(home, { recursive: true });
        rounds[pipeline]!.push(result);
        const { ms, managerMb, executorMb } = result;
        const each = `${rounded((processors / ms) * 1000)}/s, ${rounded(managerMb)} + ${rounded(executorMb)} MB`;
        note(`round ${i}: ${pipeline.padEnd(11)} ${rounded(ms)} ms, ${each}`);
      }
    }
    print(rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(rounds: Record<string, Round[]>): void {
  const of = (pipeline: string, field: keyof Round) => median(rounds[pipeline]!.map((one) => one[field]));
  const perSecond = (pipeline: string) => (pipelines[pipeline]!.processors / of(pipeline, 'ms')) * 1000;
  for (const width of FLAT) {
    note(`${width} wide: ${rounded((of(`wide-${width}`, 'ms') / width) * 1000, 1)} µs for each processor`);
  }
  printResults(
    {
      fanout_per_s: rounded(perSecond(`wide-${FAN_OUT}`)),
      layers_per_s: rounded(perSecond('layers')),
      chain_ms_per_step: rounded(of('chain', 'ms') / CHAIN, 3),
      flat_100k_over_10k: rounded(perSecond('wide-10000') / perSecond('wide-100000'), 2),
      manager_peak_mb: rounded(of('wide-100000', 'managerMb')),
      executor_peak_mb: rounded(of('wide-100000', 'executorMb')),
    },
    {
      fanout_per_s: `processors a second, ${FAN_OUT} side by side`,
      layers_per_s: `processors a second, ${LAYERS} layers of ${LAYER_WIDTH}, each needing two of the layer before`,
      chain_ms_per_step: `ms for each step of a chain of ${CHAIN}`,
      flat_100k_over_10k: 'time for each of 100,000 side by side, over that for each of 10,000',
      manager_peak_mb: 'MB, most of the manager with 100,000',
      executor_peak_mb: 'MB, most of the executor with 100,000',
    },
  );
}

function fanOut(width: number): string {
  return `processors:\n${Array.from({ length: width }, (_, i) => `  n${i}: {uses: noop}\n`).join('')}`;
}

function layers(): string {
  const lines: string[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let i = 0; i < LAYER_WIDTH; i++) {
      const before = [i, (i + 1) % LAYER_WIDTH].map((j) => `n${layer - 1}-${j}`).join(', ');
      lines.push(`  n${layer}-${i}: {uses: noop${layer === 0 ? '' : `, needs: [${before}]`}}\n`);
    }
  }
  return `processors:\n${lines.join('')}`;
}

function chain(): string {
  const step = (i: number) => `  n${i}: {uses: noop${i === 0 ? '' : `, needs: n${i - 1}`}}\n`;
  return `processors:\n${Array.from({ length: CHAIN }, (_, i) => step(i)).join('')}`;
}
