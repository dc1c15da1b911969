import { fromBinary } from '@bufbuild/protobuf';
import { ProcessorReusedSchema } from '../../proto/gen/wiz/v1/events_pb.js';
import type { CacheEntry } from './store.ts';

/** Cache entries as stores read them: rows with the names of CacheEntry, the result in its binary form. */

export function entryOf(row: Record<string, unknown>): CacheEntry {
  return {
    ...(row as Omit<CacheEntry, 'result'>),
    result: fromBinary(ProcessorReusedSchema, row.result as Uint8Array),
  };
}

/** Of rows whose result has the hash anywhere in it, those that name it as a part of their key. */
export function entriesNaming(rows: Record<string, unknown>[], hash: string, limit: number): CacheEntry[] {
  return rows
    .map(entryOf)
    .filter(({ result }) => Object.values(result.cache?.parts ?? {}).includes(hash))
    .slice(0, limit);
}
