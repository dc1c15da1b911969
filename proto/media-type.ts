import { extname } from 'node:path';
import { lookup } from 'mrmime';

/** Of what programs leave and the library does not know. */
const OTHERS: Record<string, string> = {
  '.jsonl': 'application/jsonl',
  '.parquet': 'application/vnd.apache.parquet',
  '.sqlite': 'application/vnd.sqlite3',
  '.tar': 'application/x-tar',
};

/** Media type of a file by the ending of its name; empty where that says nothing. */
export function knownMediaType(name: string): string {
  // Only what is after a dot: to mrmime a file `csv` would be one, too.
  const extension = extname(name).toLowerCase();
  return (extension && (OTHERS[extension] ?? lookup(extension))) || '';
}

/** The same; application/octet-stream where the name says nothing. */
export function mediaTypeOf(name: string): string {
  return knownMediaType(name) || 'application/octet-stream';
}
