import { forEachRunning, type RunMachine } from '../../manager/engine/run.ts';
import type { Task } from '../../manager/graph/processor-node.ts';
import { type Event, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Clock } from './clock.ts';
import type { Durable } from './durable.ts';
import { reportOf, type SimExecutor } from './executor.ts';
import type { createLinks } from './link.ts';
import type { SimManager } from './manager.ts';
import type { Random } from './random.ts';
import { FORGED } from './rules.ts';
import type { Scenario } from './scenario.ts';

/** All that goes wrong: at every point of a commit, and at any time. */
export interface Chaos {
  readonly happened: Map<string, number>;
  /** Attempts whose acknowledgement may have been lost with a session or a manager. */
  readonly acksLost: Set<string>;
  note(what: string): void;
  /** Something happened with which acknowledgements under way were lost. */
  lost(what: string): void;
  start(): void;
  /** The commit of a manager: it may be cut at any point, or find that it is too late. */
  commit(manager: SimManager, runs: { run: RunMachine; events: Event[] }[]): Promise<{ fenced: string[] }>;
  kill(executor: SimExecutor): void;
}

export interface ChaosGround {
  scenario: Scenario;
  clock: Clock;
  random: Random;
  durable: Durable;
  links: ReturnType<typeof createLinks>;
  executors: ReadonlyMap<string, SimExecutor>;
  managers: readonly SimManager[];
  startManager(): SimManager;
  takeOver(from: string): void;
  handOver(runId: string): void;
  /** The end of a run is durable. */
  ended(runId: string): void;
}

/** Virtual milliseconds. */
const WRITE_MS = 2;
const ANSWER_MS = 2;
const SLOW_MS = 60;
const STORE_FAILS_MS = 3000;
/** Strikes without a single event in between: a world that needs more is stuck, and is left to show it. */
const STRIKES_IN_VAIN = 300;
/** Times that the store fails: while it does, every input is a new try. */
const STORE_FAILURES = 5;

export function createChaos(ground: ChaosGround): Chaos {
  const { clock, random, durable, managers, executors } = ground;
  const { trouble } = ground.scenario;
  const happened = new Map<string, number>();
  const acksLost = new Set<string>();
  let losses = trouble.losses;
  let storeFailures = STORE_FAILURES;
  let storeFailsUntil = 0;

  const note = (what: string) => void happened.set(what, (happened.get(what) ?? 0) + 1);
  const unfinished = () => [...durable.runs.values()].filter(({ rules }) => rules.state === RunState.RUNNING);

  /** What may cost attempts is done only while every processor can bear one more. */
  function mayLose(): boolean {
    if (losses <= 0) return false;
    losses -= 1;
    return true;
  }

  function lost(what: string): void {
    note(what);
    // Of a run that has nothing more to do there, no later session asks for what is kept.
    for (const { held } of executors.values()) for (const key of held.keys()) acksLost.add(key);
  }

  function commit(manager: SimManager, runs: { run: RunMachine; events: Event[] }[]) {
    note('commits');
    const crash = random.chance(trouble.crash) && mayLose();
    const point = crash ? random.pick(['before', 'after', 'acting'] as const) : undefined;
    const overtaken = !crash && random.chance(trouble.takeover) && mayLose();
    const overtakenAt = overtaken ? random.pick(['before', 'after'] as const) : undefined;
    if (storeFailures > 0 && random.chance(trouble.storeFails)) {
      storeFailures -= 1;
      storeFailsUntil = clock.now() + random.int(1, STORE_FAILS_MS);
    }
    return new Promise<{ fenced: string[] }>((resolve, reject) => {
      if (overtakenAt === 'before') ground.takeOver(manager.id);
      clock.after(random.int(0, WRITE_MS), () => {
        if (!manager.alive) return;
        if (point === 'before') return manager.die();
        if (clock.now() < storeFailsUntil) {
          note('store failed');
          return reject(new Error('disk full'));
        }
        const fenced = durable.commit(manager.id, runs);
        if (fenced.length > 0) note('fenced');
        for (const { run, events } of runs)
          if (!fenced.includes(run.runId) && events.at(-1)!.event.case === 'runEnded')
            ground.ended(run.runId);
        if (point === 'after') return manager.die();
        if (point === 'acting') manager.dieAfter(random.int(0, 1));
        if (overtakenAt === 'after') clock.after(random.int(0, 20), () => ground.takeOver(manager.id));
        // One that was overtaken is often one that stood still.
        const answer = overtaken || random.chance(0.05) ? random.int(0, SLOW_MS) : random.int(0, ANSWER_MS);
        clock.after(answer, () => {
          if (manager.alive) resolve({ fenced });
        });
      });
    });
  }

  function kill(executor: SimExecutor): void {
    if (!executor.alive) return;
    lost('executor died');
    executor.die();
    for (const link of [...ground.links.all]) if (link.executor === executor) link.break();
  }

  const kinds: Record<keyof typeof trouble.kinds, () => void> = {
    executorDies() {
      const living = [...executors.values()].filter(({ alive }) => alive);
      if (living.length > 0 && mayLose()) kill(random.pick(living));
    },
    sessionBreaks() {
      const open = [...ground.links.all];
      if (open.length === 0 || !mayLose()) return;
      lost('session broke');
      random.pick(open).break();
    },
    forgedReport() {
      const found = somethingRunning();
      if (found === undefined) return;
      const { manager, run, processor, attempt, executorId, epoch } = found;
      const forged = { runId: run.runId, epoch, executorId, processor, attempt };
      const wrong = random.pick(['epoch', 'newer epoch', 'executor', 'attempt', 'processor', 'run'] as const);
      // The next epoch of a run that has been taken over since might be the right one.
      if (wrong === 'newer epoch' && durable.runs.get(run.runId)!.epoch !== run.epoch) return;
      if (wrong === 'epoch') forged.epoch -= 1;
      else if (wrong === 'newer epoch') forged.epoch += 1;
      else if (wrong === 'executor') forged.executorId = random.pick([...executors.keys(), 'nobody']);
      else if (wrong === 'attempt') forged.attempt += random.pick([-1, 1]);
      else if (wrong === 'processor') forged.processor = 'nothing';
      else forged.runId = 'no-run';
      if (forged.executorId === executorId && wrong === 'executor') return;
      note('forged report');
      const report = { ...reportOf(forged, FORGED, clock.now()) };
      const group = { $typeName: 'wiz.v1.RunReports' as const, runId: forged.runId, epoch: forged.epoch };
      manager.reports(forged.executorId, [{ ...group, reports: [report] }]);
    },
    doubledReport() {
      const ended = [...executors.values()].flatMap((executor) =>
        [...executor.held.values()].flatMap((held) => (held.report ? [{ executor, held }] : [])),
      );
      if (ended.length === 0) return;
      const { executor, held } = random.pick(ended);
      const { runId, epoch, report } = held;
      const links = [...ground.links.all].filter((link) => link.executor === executor);
      if (links.length === 0) return;
      note('doubled report');
      const link = random.pick(links);
      const group = { $typeName: 'wiz.v1.RunReports' as const, runId, epoch, reports: [report!] };
      clock.after(random.int(0, 100), () =>
        link.toManager(() => {
          link.manager.reports(executor.id, [group]);
          const { processor, attempt } = held;
          const late = { runId, epoch, processor, attempt, fraction: 0.7, message: 'late' };
          link.manager.progress(executor.id, [{ $typeName: 'wiz.v1.ProgressReport', ...late }]);
        }),
      );
    },
    cancel() {
      const runs = unfinished();
      if (runs.length === 0) return;
      const { runId, owner } = random.pick(runs);
      note('cancel');
      managers.find(({ id }) => id === owner)!.loop.cancel(runId, 'By chance.');
    },
    handOver() {
      const runs = unfinished();
      if (runs.length > 0) ground.handOver(random.pick(runs).runId);
    },
  };

  /** An attempt that a manager believes to run; not always the owner of the run. */
  function somethingRunning() {
    const living = managers.filter(({ alive }) => alive);
    if (living.length === 0) return undefined;
    const manager = random.pick(living);
    const runs = [...manager.loop.runs.values()];
    if (runs.length === 0) return undefined;
    const run = random.pick(runs);
    const tasks: Task[] = [];
    forEachRunning(run, (task) => void tasks.push(task));
    if (tasks.length === 0) return undefined;
    const { name: processor, attempts } = random.pick(tasks);
    const { attempt, executorId, epoch } = attempts.at(-1)!;
    return { manager, run, processor, attempt, executorId, epoch };
  }

  const names = Object.entries(trouble.kinds).flatMap(([kind, weight]) =>
    Array<keyof typeof kinds>(weight).fill(kind as keyof typeof kinds),
  );

  let strikes = 0;
  let seen = 0;
  function strike(): void {
    const events = [...durable.runs.values()].reduce((sum, { seq }) => sum + seq, 0);
    strikes = events === seen ? strikes + 1 : 0;
    seen = events;
    if (strikes > STRIKES_IN_VAIN) return;
    if (unfinished().length > 0) kinds[random.pick(names)]();
    next();
  }

  function next(): void {
    if (trouble.everyMs === 0 || pending() === 0) return;
    clock.after(random.int(1, 2 * trouble.everyMs), strike);
  }

  /** Runs that go on, or will. */
  function pending(): number {
    return [...durable.runs.values()].filter(({ runId, rules }) => {
      const { resumes } = ground.scenario.runs.find((run) => run.runId === runId)!;
      return rules.state === RunState.RUNNING || rules.resumed < resumes;
    }).length;
  }

  return { happened, acksLost, note, lost, start: next, commit, kill };
}
