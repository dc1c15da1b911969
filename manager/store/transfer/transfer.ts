import { WizError } from '../../../proto/error.ts';
import { ALL, type Table } from './tables.ts';

/**
 * The rows of a store on their way to another place: a store or a file, from a store or a file. What is held at a time is
 * one batch of rows.
 */

export type Value = string | number | boolean | null | Uint8Array;

export interface Batch {
  table: Table;
  /** Each as the columns of the table. */
  rows: Value[][];
  /** Of their values, about. */
  bytes: number;
}

/** Rows of each table. */
export type Counts = Record<string, number>;

export interface Source {
  /** For people: without a password. */
  readonly place: string;
  /** Once: tables in the order of ALL, each in its own, all of one moment. Throws when it is damaged, at the latest at its end. */
  read(): AsyncIterable<Batch>;
  close(): Promise<void>;
}

export interface Target {
  readonly place: string;
  /** What `fill` wrote is there for others when this resolves, and nothing of it when it or `fill` throws. */
  take(fill: (write: (batch: Batch) => Promise<void>) => Promise<Counts>): Promise<void>;
  close(): Promise<void>;
}

export interface Progress {
  table: string;
  /** Of the table so far. */
  rows: number;
  /** Of everything so far. */
  bytes: number;
}

/** Batches are about as large as that, in rows and bytes of values. */
export const BATCH_ROWS = 1_000;
export const BATCH_BYTES = 4 << 20;

interface Transferred {
  tables: Counts;
  bytes: number;
}

export async function transfer(
  source: Source,
  target: Target,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Transferred> {
  const tables: Counts = Object.fromEntries(ALL.map(({ name }) => [name, 0]));
  let bytes = 0;
  await target.take(async (write) => {
    for await (const batch of source.read()) {
      await write(batch);
      tables[batch.table.name]! += batch.rows.length;
      bytes += batch.bytes;
      onProgress({ table: batch.table.name, rows: tables[batch.table.name]!, bytes });
    }
    return tables;
  });
  return { tables, bytes };
}

/** Throws unless a table has as many rows as were written to it. */
export function checkCount(place: string, table: string, wanted: number, there: number): void {
  if (wanted === there) return;
  throw new WizError(
    'internal',
    `${wanted} rows of "${table}" were written to ${place}, and ${there} are there; nothing was changed.`,
  );
}

/** Puts rows together to batches. */
export async function* batched(
  table: Table,
  rows: Iterable<Value[]> | AsyncIterable<Value[]>,
): AsyncGenerator<Batch> {
  let batch: Batch = { table, rows: [], bytes: 0 };
  for await (const row of rows) {
    batch.rows.push(row);
    batch.bytes += sizeOf(row);
    if (batch.rows.length < BATCH_ROWS && batch.bytes < BATCH_BYTES) continue;
    yield batch;
    batch = { table, rows: [], bytes: 0 };
  }
  if (batch.rows.length > 0) yield batch;
}

function sizeOf(row: Value[]): number {
  let bytes = 0;
  for (const value of row)
    bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
  return bytes;
}
