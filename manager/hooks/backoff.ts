import type { HookAction } from '../spec/hook-spec.ts';

/**
 * When a delivery is tried again: after 5 s, and each time three times as long, at most 6 hours, a fifth of it drawn at
 * random so that many do not come at once: 5 s, 15 s, 45 s, 2 min, 7 min, 20 min, 1 h, 3 h, 6 h, 6 h, 6 h. Twelve tries in
 * 22 hours: what is down over night is told in the morning. A command that fails is not likely to mend itself: it has
 * three tries.
 */
const FIRST_MS = 5_000;
const FACTOR = 3;
const MAX_MS = 6 * 3_600_000;
const JITTER = 0.2;
const TRIES = { webhook: 12, command: 3, script: 3 } as const;
/** What a receiver may ask for at most (Retry-After). */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/** Milliseconds after the nth try; undefined when that was the last. `retryAfterMs` is what the receiver asked for. */
export function nextTryMs(
  kind: HookAction['kind'],
  tries: number,
  retryAfterMs: number,
  chance: () => number,
): number | undefined {
  if (tries >= TRIES[kind]) return undefined;
  const wait = Math.min(FIRST_MS * FACTOR ** (tries - 1), MAX_MS);
  const jittered = wait * (1 - JITTER + 2 * JITTER * chance());
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)));
}

/** Milliseconds that a Retry-After header asks for: seconds, or a date; 0 for neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - nowMs);
}
