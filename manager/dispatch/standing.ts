import type { Load } from '../../proto/gen/wiz/v1/executors_pb.js';
import { type BackoffLimits, backoffMs } from './backoff.ts';

/** How an executor stands with this manager. */
export interface Standing {
  /** joined: in session. unhealthy: its session broke, or none could be had. */
  readonly state: 'joined' | 'unhealthy';
  readonly sinceMs: number;
  /** Why it is unhealthy. */
  readonly message: string;
  /** As it was told last. */
  readonly load: Load | undefined;
}

/** What is known of executors, and when one that does not answer is tried again. */
export interface Standings {
  get(executorId: string): Standing | undefined;
  joined(executorId: string): void;
  told(executorId: string, load: Load): void;
  /** The session broke, or a try to get one failed. */
  failed(executorId: string, message: string): void;
  /** Whether it may be tried again by now. */
  isDue(executorId: string): boolean;
  /** All others are forgotten. */
  keep(executorIds: Iterable<string>): void;
}

/** 15 s: about as long as one that came back is to wait for its first work. */
const BACKOFF: BackoffLimits = { firstMs: 250, lastMs: 15_000 };

export function createStandings(): Standings {
  const standings = new Map<string, Standing & { failures: number; dueMs: number }>();

  return {
    get: (executorId) => standings.get(executorId),
    joined(executorId) {
      const load = standings.get(executorId)?.load;
      const sinceMs = Date.now();
      standings.set(executorId, { state: 'joined', sinceMs, message: '', load, failures: 0, dueMs: 0 });
    },
    told(executorId, load) {
      const standing = standings.get(executorId);
      if (standing !== undefined) standings.set(executorId, { ...standing, load });
    },
    failed(executorId, message) {
      const before = standings.get(executorId);
      const failures = (before?.failures ?? 0) + 1;
      standings.set(executorId, {
        state: 'unhealthy',
        sinceMs: before?.state === 'unhealthy' ? before.sinceMs : Date.now(),
        message,
        load: before?.load,
        failures,
        dueMs: performance.now() + backoffMs(BACKOFF, failures),
      });
    },
    isDue: (executorId) => (standings.get(executorId)?.dueMs ?? 0) <= performance.now(),
    keep(executorIds) {
      const kept = new Set(executorIds);
      for (const executorId of standings.keys()) if (!kept.has(executorId)) standings.delete(executorId);
    },
  };
}
