import type { Zod } from './processor.ts';

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** An option such as 500ms, 2s or 1h30m. */
export function durationOption(z: Zod) {
  return z.string().regex(DURATION, 'must be a duration such as 500ms, 2s, 10m or 1h30m');
}

export function parseDurationMs(text: string): number {
  let ms = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    ms += Number(number) * UNITS_MS[unit!]!;
  }
  return ms;
}
