import { isIPv6 } from 'node:net';

/**
 * How long somebody who failed has to wait. Each failure after the first few doubles the wait, up to a longest one; whoever
 * has not failed for a while is forgotten. Memory is bounded: of more than so many the one that failed longest ago goes.
 */
export interface Limiter {
  /** Milliseconds; 0: now. */
  waitMs(key: string): number;
  failed(key: string): void;
  forget(key: string): void;
  /** How many it remembers. */
  readonly size: number;
}

export interface LimiterOptions {
  /** Failures that cost nothing: people mistype. */
  free: number;
  firstWaitMs: number;
  longestWaitMs: number;
  /** Without a failure in this time all is forgotten. */
  forgetMs: number;
  /** Most that are remembered. */
  capacity: number;
  now: () => number;
}

interface Failures {
  count: number;
  lastMs: number;
  untilMs: number;
}

export function createLimiter(options: LimiterOptions): Limiter {
  const { free, firstWaitMs, longestWaitMs, forgetMs, capacity, now } = options;
  /** In the order of the last failure. */
  const failures = new Map<string, Failures>();

  return {
    waitMs(key) {
      return Math.max(0, (failures.get(key)?.untilMs ?? 0) - now());
    },
    failed(key) {
      const nowMs = now();
      const before = failures.get(key);
      const count = before === undefined || nowMs - before.lastMs > forgetMs ? 1 : before.count + 1;
      const waitMs = count <= free ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** (count - free - 1));
      failures.delete(key);
      failures.set(key, { count, lastMs: nowMs, untilMs: nowMs + waitMs });
      if (failures.size > capacity) failures.delete(failures.keys().next().value!);
    },
    forget: (key) => void failures.delete(key),
    get size() {
      return failures.size;
    },
  };
}

/** Whoever has an IPv6 address has 2^64 of them. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const start = head === '' ? [] : head.split(':');
  const end = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - start.length - end.length);
  const groups = [...start, ...Array<string>(zeros).fill('0'), ...end];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
