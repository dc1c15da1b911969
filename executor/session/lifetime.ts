/**
 * When an executor ends by itself. At any moment it is
 * - **awaited**: it has just started for a manager that is about to call. After `warmMs`, and 10 s at least, it
 *   ends.
 * - **called**: a manager has a session. It stays.
 * - **warm**: no session, and nothing runs or is kept for anybody. After `warmMs` it ends.
 * - **orphan**: no session, but work goes on or its reports are kept. After `orphanMs` without a manager it ends
 *   its work and itself.
 * 0 is for ever.
 */
export interface Lifetime {
  /** To be told of every change; cheap. */
  update(sessions: number, held: number): void;
  end(): void;
}

export interface LifetimeOptions {
  /** Milliseconds. */
  warmMs: number;
  orphanMs: number;
  expired(state: 'warm' | 'orphan'): void;
}

/** Milliseconds that a manager on a busy machine may need from the start of an executor to its first call. */
const FIRST_CALL_MS = 10_000;

export function createLifetime(options: LifetimeOptions): Lifetime {
  let awaited = true;
  let state: 'called' | 'warm' | 'orphan' | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** When the last session closed; the orphan time counts from there, however often the work changes. */
  let abandonedAt = performance.now();

  return {
    update(sessions, held) {
      const now = sessions > 0 ? 'called' : held > 0 ? 'orphan' : 'warm';
      if (now === state) return;
      if (state === 'called') abandonedAt = performance.now();
      state = now;
      clearTimeout(timer);
      if (now === 'called') {
        awaited = false;
        return;
      }
      const ms = now === 'warm' ? options.warmMs : options.orphanMs;
      if (ms === 0) return;
      const spent = now === 'orphan' ? performance.now() - abandonedAt : 0;
      const left = Math.max(ms - spent, awaited ? FIRST_CALL_MS : 0);
      timer = setTimeout(() => options.expired(now), left);
    },
    end() {
      clearTimeout(timer);
    },
  };
}
