/** Runs are shared out by shard: a number that follows from the id of a run, stored beside it. */

/** Enough that a hundred managers have about the same number each, and few enough to name in a query. */
export const SHARDS = 1024;

export function shardOf(runId: string): number {
  return mixed(hashOf(runId)) % SHARDS;
}

/** FNV-1a of 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Every bit of the result depends on every bit of the number (the end of MurmurHash3): FNV's low bits do not. */
export function mixed(number: number): number {
  let hash = number ^ (number >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
