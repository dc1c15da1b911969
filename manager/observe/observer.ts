import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { Meter } from './meter.ts';

/**
 * What a manager tells whoever watches over it, on the way of its runs: nothing in it may wait or throw. A manager without
 * one does not even look at the clock for it.
 */
export interface Observer {
  /** For whoever has something of its own to count; undefined where nobody can ask for metrics. */
  readonly meter?: Meter;
  /** A run was created by this manager. */
  created(run: { runId: string; pipeline: string; traceId?: string | undefined }): void;
  /** A commit holds; it took so many milliseconds. */
  journaled(commits: readonly { events: readonly Event[] }[], durationMs: number): void;
  /** The store refused a commit; it is tried again. Undefined: it works again. */
  storeFailing(error: Error | undefined): void;
  /** The journal has these events of a run. */
  committed(run: RunMachine, events: Event[]): void;
}

/** A commit, whose time is told when it holds. */
export async function journaling<Result>(
  observer: Observer | undefined,
  commits: readonly { events: readonly Event[] }[],
  commit: () => Promise<Result>,
): Promise<Result> {
  if (observer === undefined) return commit();
  const startedMs = performance.now();
  const result = await commit();
  observer.journaled(commits, performance.now() - startedMs);
  return result;
}

/** All of them, as one. */
export function observers(...all: Observer[]): Observer {
  const each = (tell: (one: Observer) => void): void => {
    for (const one of all) tell(one);
  };
  return {
    created: (run) => each((one) => one.created(run)),
    journaled: (commits, durationMs) => each((one) => one.journaled(commits, durationMs)),
    storeFailing: (error) => each((one) => one.storeFailing(error)),
    committed: (run, events) => each((one) => one.committed(run, events)),
  };
}
