import { WizError } from '../../../proto/error.ts';
import { ALL, type Table } from './tables.ts';
import type { Counts, Value } from './transfer.ts';

/**
 * A backup is a file of lines of JSON, compressed with gzip:
 *
 *   {"wiz-store":1,"wiz":"0.1.0","createdMs":1796000000000,"from":"sqlite"}     what it is
 *   {"table":"runs","columns":["run_id",…]}                                     then its rows, each an array
 *   ["3MN…",…]                                                                  bytes are base64
 *   …
 *   {"end":{"counts":{"runs":12,…},"sha256":"…"}}                               of all lines before
 *
 * `gunzip -c FILE` shows it to whoever has to know. The number is that of the format: a file with a larger one is of a
 * newer wiz, and so is one with a table or a column that this one does not know.
 */
export const FORMAT = 1;

export interface Header {
  'wiz-store': number;
  /** The version that wrote it. */
  wiz: string;
  createdMs: number;
  from: string;
}

export interface End {
  counts: Counts;
  sha256: string;
}

/** Bytes of a line: V8 makes no longer string of it. */
export const MAX_LINE = 500 * 1024 * 1024;

export function encodeRow({ columns }: Table, row: Value[]): string {
  const kinds = Object.values(columns);
  const values = row.map((value, n) =>
    kinds[n] === 'bytes' ? Buffer.from(value as Uint8Array).toString('base64') : value,
  );
  return JSON.stringify(values);
}

export function decodeRow({ columns }: Table, values: Value[]): Value[] {
  const kinds = Object.values(columns);
  return values.map((value, n) => (kinds[n] === 'bytes' ? Buffer.from(value as string, 'base64') : value));
}

/** The table that a line begins. Throws for what this wiz does not know. */
export function tableOf(place: string, name: string, columns: string[], wiz: string): Table {
  const table = ALL.find((one) => one.name === name);
  const known = Object.keys(table?.columns ?? {});
  const strange = table === undefined ? name : columns.find((column) => !known.includes(column));
  if (strange !== undefined) throw newerError(place, wiz);
  const missing = known.find((column) => !columns.includes(column));
  if (missing !== undefined || columns.some((column, n) => column !== known[n])) {
    throw new WizError(
      'failed_precondition',
      `${place} was written by wiz ${wiz}, whose table "${name}" has no "${missing}". Restore it with that version, ` +
        'and bring the store up to date: wiz store migrate.',
    );
  }
  return table!;
}

export function newerError(place: string, wiz: string): WizError {
  return new WizError(
    'failed_precondition',
    `${place} was written by a newer wiz (${wiz}); upgrade this one and try again.`,
  );
}

export function foreignError(place: string): WizError {
  return new WizError('invalid_argument', `${place} is no backup of a wiz store.`);
}

export function damagedError(place: string, what: string, cause?: unknown): WizError {
  return new WizError('unavailable', `${place} is damaged: ${what}; nothing of it was restored.`, { cause });
}
