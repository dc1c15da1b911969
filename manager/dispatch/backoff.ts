/** Waits between tries: each is drawn from the upper half of a time that doubles up to the last one, so that many who
 *  lost the same executor do not come back together. */
export interface BackoffLimits {
  /** Milliseconds. */
  firstMs: number;
  lastMs: number;
}

/** Milliseconds before the next try, after so many that failed (1 or more). */
export function backoffMs(
  { firstMs, lastMs }: BackoffLimits,
  failures: number,
  chance = Math.random,
): number {
  const full = Math.min(lastMs, firstMs * 2 ** (failures - 1));
  return full * (1 - chance() / 2);
}
