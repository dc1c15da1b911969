import { randomFillSync } from 'node:crypto';
import KSUID from 'ksuid';

/**
 * A new KSUID: 27 characters, sorted by id is sorted by time.
 *
 * A KSUID's clock ticks once a second. The first three payload bytes carry the fraction of the second and a
 * counter, so that ids made by one process in the same second sort by time too; 13 random bytes remain.
 */
let lastMs = 0;
let counter = 0;

export function newId(nowMs: number = Date.now()): string {
  const ms = Math.max(nowMs, lastMs);
  counter = ms === lastMs ? counter + 1 : 0;
  lastMs = ms;
  const payload = randomFillSync(Buffer.allocUnsafe(16));
  // 10 bits of milliseconds, 14 bits of counter.
  payload.writeUIntBE((Math.floor(ms % 1000) << 14) | (counter & 0x3fff), 0, 3);
  return KSUID.fromParts(ms, payload).string;
}

export const ID_LENGTH = 27;

/** The first and the last second that an id can say. */
const FIRST_MS = 1_400_000_000_000;
const LAST_MS = FIRST_MS + (2 ** 32 - 1) * 1000;

/** The smallest id that can have been made at that time: ids sort by time, so those of a span are a range. */
export function firstIdAt(ms: number): string {
  return KSUID.fromParts(Math.min(Math.max(ms, FIRST_MS), LAST_MS), Buffer.alloc(16)).string;
}

/** Milliseconds of the second in which an id was made; undefined for what is none. */
export function timeOfId(id: string): number | undefined {
  if (id.length !== ID_LENGTH || !/^[0-9A-Za-z]+$/.test(id)) return undefined;
  try {
    return KSUID.parse(id).date.getTime();
  } catch {
    // Larger than the largest id.
    return undefined;
  }
}
