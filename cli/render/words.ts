/** How states, times and sizes read. */
import { stripVTControlCharacters } from 'node:util';
import truncatedWidth from 'fast-string-truncated-width';
import type { CacheDecision } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { ProcessorView } from './view.ts';

export const RUN_STATE: Record<RunState, string> = {
  [RunState.UNSPECIFIED]: 'Unknown',
  [RunState.RUNNING]: 'Running',
  [RunState.FAILED]: 'Failed',
  [RunState.SUCCEEDED]: 'Succeeded',
};

export const PROCESSOR_STATE: Record<ProcessorState, string> = {
  [ProcessorState.UNSPECIFIED]: 'Unknown',
  [ProcessorState.IDLE]: 'Idle',
  [ProcessorState.RUNNING]: 'Running',
  [ProcessorState.FAILED]: 'Failed',
  [ProcessorState.SUCCEEDED]: 'Succeeded',
};

/** How a processor ended, or stands, in one column; what runs has a spinner. */
export function glyph({
  state,
  reason,
  warning,
}: Pick<ProcessorView, 'state' | 'reason' | 'warning'>): string {
  if (warning) return '!';
  if (state === ProcessorState.SUCCEEDED) return reason === 'cached' ? '↺' : '✔';
  if (state === ProcessorState.FAILED) return '✖';
  return reason === 'skipped' ? '⊘' : '○';
}

/** What the cache said, for people: `same as run 3MN…`, `changed: file data/a.csv`, `not cached: first run`. */
export function cacheWords({ verdict, reason }: Pick<CacheDecision, 'verdict' | 'reason'>): string {
  if (verdict === 'reused' || reason.startsWith('changed')) return reason;
  return [verdict === 'bypassed' ? 'cache not looked at' : 'not cached', reason].filter(Boolean).join(': ');
}

/** 0.2s, 12.3s, 2m 05s, 1h 02m, 3d 04h. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${two(Math.floor(whole / 3600) % 24)}h`;
}

/** Local time of day, 12:00:01. */
export function clock(unixMs: number): string {
  return new Date(unixMs).toTimeString().slice(0, 8);
}

/** Local date and time, 2026-01-31 12:00:01; empty for 0. */
export function dateTime(unixMs: number): string {
  if (unixMs === 0) return '';
  const date = new Date(unixMs);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(unixMs)}`;
}

/** 1 processor, 1,234 processors. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? noun : plural}`;
}

/** 12 B, 3.4 KB, 1.2 GB: powers of ten. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const power = Math.min(4, Math.floor(Math.log10(n) / 3));
  return `${(n / 1000 ** power).toFixed(1)} ${'BKMGT'[power]}B`;
}

/** `attempt 2/3` from the second attempt on; empty before. */
export function attemptOf({ attempt, attemptLimit }: ProcessorView): string {
  // A run that was resumed may have gone beyond its limit.
  if (attempt < 2) return '';
  return attempt > attemptLimit ? `attempt ${attempt}` : `attempt ${attempt}/${attemptLimit}`;
}

/** One line of text that a program wrote, without what could move the cursor. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\t', ' ')
    .replace(/\p{Cc}/gu, '')
    .trim();
}

/** Columns that a text without escapes takes on a terminal. */
export function width(text: string): number {
  return truncatedWidth(text).width;
}

/** Cuts a text without escapes to so many columns, with … where something is missing. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return '';
  if (!truncatedWidth(text, { limit: columns }).truncated) return text;
  let kept = columns === 1 ? 0 : truncatedWidth(text, { limit: columns - 1 }).index;
  // Signs that are not Latin before Latin ones are counted too late there.
  while (kept > 0 && width(text.slice(0, kept)) > columns - 1) {
    kept -= /[\uD800-\uDBFF]/.test(text[kept - 2] ?? '') ? 2 : 1;
  }
  return `${text.slice(0, kept)}…`;
}
