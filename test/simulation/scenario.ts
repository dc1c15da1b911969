import type { PipelineSpec, ProcessorSpec } from '../../manager/spec/spec.ts';
import type { Random } from './random.ts';
import type { Task } from './reference.ts';

/** What a seed makes: the runs, how their processors behave, and how much goes wrong. */
export interface Scenario {
  runs: SimulatedRun[];
  /** Slots of each executor that there should be. */
  executors: number[];
  managers: number;
  trouble: Trouble;
}

export interface SimulatedRun {
  runId: string;
  /** In the order of the file, with their behaviour in this life of the run. */
  tasks: Task[];
  spec: PipelineSpec;
  /** How often it is gone on with after it ended. */
  resumes: number;
}

export interface Trouble {
  /** Losses that the whole world may have. Each costs a processor one lost attempt at most, and a processor
   *  survives five, so that the reference need not know of losses. */
  losses: number;
  /** Probabilities, for each commit. */
  crash: number;
  takeover: number;
  storeFails: number;
  /** Mean virtual milliseconds between what else goes wrong; 0 is never. */
  everyMs: number;
  /** Weights of what else goes wrong. */
  kinds: Record<
    'executorDies' | 'sessionBreaks' | 'forgedReport' | 'doubledReport' | 'cancel' | 'handOver',
    number
  >;
  /** Share of attempts that tell their progress. */
  progress: number;
}

/** What a processor survives, by the contract: INFRA_LIMIT of the engine, written down once more. */
const SURVIVED_LOSSES = 5;

export function makeScenario(random: Random): Scenario {
  const poisoned = random.chance(0.04);
  const several = !poisoned && random.chance(0.2);
  const runs: SimulatedRun[] = [];
  for (let i = 1; i <= (several ? random.int(2, 4) : 1); i++) runs.push(makeRun(random, `run${i}`, poisoned));
  const calm = poisoned || random.chance(0.1);
  return {
    runs,
    executors: Array.from({ length: random.int(1, 3) }, () => random.int(1, 4)),
    managers: random.chance(0.3) ? 2 : 1,
    trouble: {
      losses: calm ? 0 : random.int(0, SURVIVED_LOSSES),
      crash: random.chance(0.5) ? 0.02 + random.next() * 0.2 : 0,
      takeover: random.chance(0.4) ? 0.02 + random.next() * 0.1 : 0,
      storeFails: random.chance(0.3) ? random.next() * 0.1 : 0,
      everyMs: random.chance(0.8) ? random.int(5, 80) : 0,
      kinds: {
        executorDies: calm ? 0 : 1,
        sessionBreaks: calm ? 0 : 2,
        forgedReport: 4,
        doubledReport: 2,
        cancel: random.chance(0.15) ? 1 : 0,
        handOver: random.chance(0.3) ? 4 : 0,
      },
      progress: random.chance(0.3) ? 0.3 : 0,
    },
  };
}

function makeRun(random: Random, runId: string, poisoned: boolean): SimulatedRun {
  const size = poisoned ? random.int(1, 6) : randomSize(random);
  const density = random.next() * 3;
  const trouble = random.pick([0, 0.1, 0.3]);
  // Many runs have nothing of it, so that the plain ones are simulated as before.
  const [ruled, answered, fanned] = [0.2, 0.15, poisoned ? 0 : 0.15].map((share) =>
    random.chance(0.5) ? 0 : share,
  ) as [number, number, number];
  const names = random.shuffled(Array.from({ length: size }, (_, i) => `p${i + 1}`));
  const tasks: Task[] = names.map((name, i) => {
    const needs = new Set<string>();
    for (let n = Math.round(density * random.next()); n > 0 && i > 0; n--) {
      // Near ones more often: deep graphs as well as wide ones.
      needs.add(names[random.chance(0.5) ? random.int(Math.max(0, i - 4), i - 1) : random.int(0, i - 1)]!);
    }
    return {
      name,
      needs: [...needs],
      retries: random.chance(0.5) ? 0 : random.int(1, 3),
      warnOnly: random.chance(0.15),
      failures: randomFailures(random, trouble),
      kills: false,
      rule: random.chance(ruled) ? random.pick(RULES) : 'all-succeeded',
      answer: random.chance(answered) ? random.pick(['skips', 'reused', 'starts'] as const) : 'starts',
      items: random.chance(fanned) ? randomItems(random, trouble) : null,
      failFast: random.chance(0.3),
    };
  });
  if (poisoned) random.pick(tasks).kills = true;
  // The order of the file is any order.
  const shuffled = random.shuffled(tasks);
  return {
    runId,
    tasks: shuffled,
    spec: {
      name: 'simulated',
      description: '',
      params: {},
      context: { ROOT: '/' },
      labels: {},
      // Who kills executors runs alone, so that it alone pays for it.
      concurrency: poisoned ? 1 : random.chance(0.3) ? random.int(1, 4) : null,
      workdir: '/',
      timeZone: null,
      secrets: {},
      staging: 'on-failure',
      affinity: 'none',
      outputs: null,
      hooks: [],
      triggers: [],
      processors: shuffled.map((task) => specOf(task, random)),
    },
    resumes: random.chance(0.4) ? random.int(1, 2) : 0,
  };
}

const RULES = ['any-succeeded', 'all-done', 'none-failed'] as const;

function randomItems(random: Random, trouble: number): number[] {
  const reused = random.chance(0.3) ? 0.4 : 0;
  const count = random.chance(0.1) ? 0 : random.int(1, 12);
  return Array.from({ length: count }, () => (random.chance(reused) ? -1 : randomFailures(random, trouble)));
}

function randomSize(random: Random): number {
  const kind = random.next();
  if (kind < 0.75) return random.int(1, 12);
  if (kind < 0.95) return random.int(13, 40);
  if (kind < 0.99) return random.int(41, 100);
  return random.int(101, 200);
}

export function randomFailures(random: Random, trouble: number): number {
  if (!random.chance(trouble)) return 0;
  return random.chance(0.3) ? Number.POSITIVE_INFINITY : random.int(1, 4);
}

const CACHE = { inputs: [], env: [], version: '', key: '' };

function specOf(task: Task, random: Random): ProcessorSpec {
  const reuses = task.answer === 'reused' || task.items?.includes(-1) === true;
  return {
    name: task.name,
    description: '',
    needs: task.needs,
    action: random.chance(0.5)
      ? { kind: 'program', argv: ['work'] }
      : { kind: 'call', uses: 'noop', with: {} },
    env: {},
    workdir: null,
    retries: {
      limit: task.retries,
      initialMs: random.int(1, 40),
      maxMs: random.int(40, 200),
      factor: random.pick([1, 2]),
      jitter: random.pick([0, 0.5]),
    },
    timeoutMs: null,
    graceMs: 5000,
    onFailure: task.warnOnly ? 'warn' : 'fail',
    when: task.answer === 'skips' || random.chance(0.05) ? '${{ true }}' : null,
    rule: task.rule,
    each: task.items,
    matrix: null,
    width: task.items !== null && random.chance(0.4) ? random.int(1, 3) : null,
    failFast: task.failFast,
    data: 'auto',
    cache: reuses ? CACHE : null,
    secrets: [],
  };
}
