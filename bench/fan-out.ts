/**
 * Instances and the cache: parts of `npm run bench:data`. Each round is a fresh process with a manager, its own executor
 * process, and its own copy of a SQLite store that already holds the pipelines, as in dispatch.ts.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DATA_ROUNDS, type DataPart } from './data-part.ts';
import { answer, inFreshProcess, median, note, round, rounded } from './rounds.ts';
import { openSystem } from './system.ts';

/** Instances over a list that a processor makes while the run goes on. */
const INSTANCES = 100_000;
/** Processors that are all reused: layers, each processor needs two of the layer before. */
const LAYERS = 100;
const LAYER_WIDTH = 100;

type Task = { do: 'apply' | 'run'; home: string; pipeline: string };
type Round = { ms: number; managerMb: number; executorMb: number };

if (import.meta.main) await oneRound(round as Task);

async function oneRound(task: Task): Promise<void> {
  const system = await openSystem(task.home);
  if (task.do === 'apply') {
    await system.apply(each());
    await system.apply(cached());
    // Fills the cache.
    await system.run('cached');
    answer({});
  } else {
    const ms = await system.run(task.pipeline);
    answer({ ms, ...(await system.peaks()) });
  }
  await system.close();
}

function each(): string {
  return `name: each
processors:
  list: { data: lines, run: seq ${INSTANCES} }
  many: { needs: list, each: "\${{ outputs.list }}", uses: noop }
`;
}

function cached(): string {
  const lines = ['name: cached\ncache: true\nprocessors:\n'];
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let i = 0; i < LAYER_WIDTH; i++) {
      const before = [i, (i + 1) % LAYER_WIDTH].map((j) => `n${layer - 1}-${j}`).join(', ');
      lines.push(`  n${layer}-${i}: {run: echo ${layer}-${i}${layer === 0 ? '' : `, needs: [${before}]`}}\n`);
    }
  }
  return lines.join('');
}

export const fanOut: DataPart = {
  meanings: {
    each_per_s: `instances a second, an \`each\` of ${INSTANCES} no-ops over a list made at run time`,
    cached_10k_ms: `ms for a run of ${LAYERS * LAYER_WIDTH} processors that are all reused`,
  },
  measure() {
    const folder = mkdtempSync(join(tmpdir(), 'wiz-bench-'));
    try {
      const template = join(folder, 'template');
      note('filling the cache');
      const script = import.meta.filename;
      inFreshProcess(script, { do: 'apply', home: template, pipeline: '' });
      const rounds: Record<'each' | 'cached', Round[]> = { each: [], cached: [] };
      for (let i = 1; i <= DATA_ROUNDS; i++) {
        for (const pipeline of ['each', 'cached'] as const) {
          const home = join(folder, 'home');
          cpSync(template, home, { recursive: true });
          const result = inFreshProcess<Round>(script, { do: 'run', home, pipeline });
          rmSync(home, { recursive: true });
          rounds[pipeline].push(result);
          const { ms, managerMb, executorMb } = result;
          note(
            `round ${i}: ${pipeline} ${rounded(ms)} ms, ${rounded(managerMb)} + ${rounded(executorMb)} MB`,
          );
        }
      }
      const all = Object.values(rounds).flat();
      return {
        each_per_s: rounded((INSTANCES / median(rounds.each.map(({ ms }) => ms))) * 1000),
        cached_10k_ms: rounded(median(rounds.cached.map(({ ms }) => ms))),
        peak_mb: rounded(Math.max(...all.flatMap(({ managerMb, executorMb }) => [managerMb, executorMb]))),
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
