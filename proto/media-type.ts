import { lookup } from 'mrmime';

/** Media type of a file by the ending of its name; of an unknown one application/octet-stream. */
export function mediaTypeOf(name: string): string {
  return lookup(name) ?? 'application/octet-stream';
}
