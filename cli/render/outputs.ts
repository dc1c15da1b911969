import type { OutputsKept } from '../../proto/gen/wiz/v1/events_pb.js';
import { bytes, count } from './words.ts';

/** What a run keeps, one by one: `report.html (12.3 KB)`, `24 rows in temperatures`. */
export function keptWords({ files, records }: Pick<OutputsKept, 'files' | 'records'>): string[] {
  return [
    ...files.map(({ path, file }) => `${path}${file?.folder ? '/' : ''} (${bytes(file?.size ?? 0)})`),
    ...records.map(({ table, rows }) => `${count(rows, 'row')} in ${table}`),
  ];
}
