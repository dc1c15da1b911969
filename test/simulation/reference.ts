/**
 * What must become of a run, told without any of the engine: no time, no executors, no losses. A second
 * opinion, so it shares no code with what it judges.
 */
export interface Task {
  name: string;
  needs: string[];
  /** Tries after the first. */
  retries: number;
  warnOnly: boolean;
  /** How many tries of its own fail before one succeeds; Infinity: all. */
  failures: number;
  /** Whoever runs it dies. */
  kills: boolean;
  rule: 'all-succeeded' | 'any-succeeded' | 'all-done' | 'none-failed';
  /** What is found out about it before it starts: that it is not to run, or that its result is there. */
  answer: 'starts' | 'skips' | 'reused';
  /** The failures of each instance, as `failures`; -1: its result is there. Null: it has none. */
  items: number[] | null;
  failFast: boolean;
}

export type Fate = 'succeeded' | 'failed' | 'warned' | 'upstream-failed' | 'skipped';

export interface Expected {
  fates: Map<string, Fate>;
  /** Tries that the processor itself ended, well or badly. */
  tries: Map<string, number>;
  succeeded: boolean;
}

/** `done` holds what an earlier life of the run is kept of. */
export function expectedEnd(tasks: Task[], done: ReadonlyMap<string, Fate>): Expected {
  const fates = new Map<string, Fate>(done);
  const tries = new Map<string, number>();
  let left = tasks.filter(({ name }) => !done.has(name));
  while (left.length > 0) {
    const later: Task[] = [];
    for (const task of left) {
      const needs = task.needs.map((need) => fates.get(need));
      if (needs.includes(undefined)) later.push(task);
      else settle(task, beforehand(task, needs as Fate[]));
    }
    if (later.length === left.length) throw new Error('the tasks need each other in a circle');
    left = later;
  }
  const ends = tasks.map(({ name }) => fates.get(name)!);
  return { fates, tries, succeeded: ends.every((fate) => fate !== 'failed' && fate !== 'upstream-failed') };

  function settle(task: Task, fate: Fate | undefined): void {
    const { name, items } = task;
    tries.set(name, 0);
    if (fate !== undefined) fates.set(name, fate);
    else if (items === null) tryIt(name, task, task.failures);
    else {
      for (const [i, failures] of items.entries()) {
        const instance = `${name}[${i}]`;
        if (done.has(instance)) continue;
        if (failures >= 0) tryIt(instance, task, failures);
        else fates.set(instance, 'succeeded');
      }
      const ends = items.map((_, i) => fates.get(`${name}[${i}]`)!);
      fates.set(
        name,
        (['failed', 'warned'].find((end) => ends.includes(end as Fate)) as Fate) ?? 'succeeded',
      );
    }
  }

  function tryIt(name: string, { kills, retries, warnOnly }: Task, failures: number): void {
    const good = !kills && failures <= retries;
    fates.set(name, good ? 'succeeded' : warnOnly ? 'warned' : 'failed');
    tries.set(name, kills ? 0 : Math.min(failures, retries) + 1);
  }
}

/** How it ends without anything being tried; undefined when something is. */
function beforehand({ rule, answer }: Task, needs: Fate[]): Fate | undefined {
  const good = needs.some((fate) => fate === 'succeeded' || fate === 'warned');
  const bad = needs.some((fate) => fate === 'failed' || fate === 'upstream-failed');
  const skipped = needs.includes('skipped');
  if (bad && (rule === 'all-succeeded' || rule === 'none-failed')) return 'upstream-failed';
  if (skipped && rule === 'all-succeeded') return 'skipped';
  if (rule === 'any-succeeded' && needs.length > 0 && !good) return bad ? 'upstream-failed' : 'skipped';
  if (answer === 'skips') return 'skipped';
  return answer === 'reused' ? 'succeeded' : undefined;
}

/** What a life of the run that goes on keeps of the one before. `from` starts again; of those, `named` wholly. */
export function keptOf(
  tasks: Task[],
  fates: ReadonlyMap<string, Fate>,
  from: string[],
  named: string[],
): Map<string, Fate> {
  const lost = downstream(tasks, from);
  const whole = downstream(tasks, named);
  const kept = new Map<string, Fate>();
  for (const { name, needs, items } of tasks) {
    const fate = fates.get(name);
    const over = fate === 'succeeded' || fate === 'warned' || fate === 'skipped';
    const stays = over && !lost.has(name);
    if (stays) kept.set(name, fate);
    const partly = !whole.has(name) && !needs.some((need) => lost.has(need));
    for (const i of items?.keys() ?? []) {
      const instance = `${name}[${i}]`;
      const end = fates.get(instance);
      if (end !== undefined && (stays || (partly && end === 'succeeded'))) kept.set(instance, end);
    }
  }
  return kept;
}

function downstream(tasks: Task[], from: string[]): Set<string> {
  const found = new Set(from);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { name, needs } of tasks) if (needs.some((need) => found.has(need))) found.add(name);
  }
  return found;
}
