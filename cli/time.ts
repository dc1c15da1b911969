import { milliseconds } from './milliseconds.ts';
import { UsageError } from './usage.ts';

/** Reads a time: how long ago (`2h`, `7d`), or a date, with or without a time of day (local, unless it names a zone). */
export function timeOf(flag: string, text: string, nowMs: number): number {
  if (/^[\d.]+(ms|s|m|h|d)/.test(text)) return nowMs - milliseconds(flag, text);
  // A date alone would be midnight in UTC.
  const date = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(date)) return date;
  throw new UsageError(
    `${flag} wants how long ago, such as 2h or 7d, or a date such as 2026-01-31, not \`${text}\``,
  );
}
