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
}

export type Fate = 'succeeded' | 'failed' | 'warned' | 'upstream-failed';

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
      if (needs.some((fate) => fate === 'failed' || fate === 'upstream-failed')) {
        fates.set(task.name, 'upstream-failed');
        tries.set(task.name, 0);
      } else if (needs.includes(undefined)) {
        later.push(task);
      } else {
        const good = !task.kills && task.failures <= task.retries;
        fates.set(task.name, good ? 'succeeded' : task.warnOnly ? 'warned' : 'failed');
        tries.set(task.name, task.kills ? 0 : Math.min(task.failures, task.retries) + 1);
      }
    }
    if (later.length === left.length) throw new Error('the tasks need each other in a circle');
    left = later;
  }
  const succeeded = [...fates.values()].every((fate) => fate === 'succeeded' || fate === 'warned');
  return { fates, tries, succeeded };
}

/** What a life of the run that starts again at `from` keeps of the one before. */
export function keptOf(tasks: Task[], fates: ReadonlyMap<string, Fate>, from: string[]): Map<string, Fate> {
  const lost = new Set(from);
  for (let size = -1; size !== lost.size; ) {
    size = lost.size;
    for (const { name, needs } of tasks) {
      const fate = fates.get(name);
      const good = fate === 'succeeded' || fate === 'warned';
      if (!good || needs.some((need) => lost.has(need))) lost.add(name);
    }
  }
  return new Map([...fates].filter(([name]) => !lost.has(name)));
}
