import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { WizError } from '../../proto/error.ts';
import { type Event, EventBatchSchema } from '../../proto/gen/wiz/v1/events_pb.js';

/**
 * Events as stores keep them: rows of batches, each an EventBatch in protobuf, by run and number of the last event.
 */

/** Events encoded at a time. */
const EVENTS_PER_ROW = 4_000;
/** Bytes of a row that is not one single event: a reader holds a row at a time. */
const BYTES_PER_ROW = 1 << 20;

interface EncodedBatch {
  firstSeq: number;
  lastSeq: number;
  /** EventBatch, protobuf. */
  bytes: Uint8Array;
}

/** The events are numbered without gaps. */
export function encodeBatches(events: Event[]): EncodedBatch[] {
  const batches: EncodedBatch[] = [];
  for (let start = 0; start < events.length; start += EVENTS_PER_ROW) {
    const part = events.length <= EVENTS_PER_ROW ? events : events.slice(start, start + EVENTS_PER_ROW);
    let firstSeq = part[0]!.seq;
    for (const { bytes, count } of splitBatch(encode(part))) {
      batches.push({ firstSeq, lastSeq: firstSeq + count - 1, bytes });
      firstSeq += count;
    }
  }
  return batches;
}

/** The events of a batch with a greater number than `afterSeq`. */
export function decodeBatch(bytes: Uint8Array, firstSeq: number, afterSeq: number): Event[] {
  const { events } = fromBinary(EventBatchSchema, bytes);
  const known = Math.max(0, afterSeq + 1 - firstSeq);
  return known === 0 ? events : events.slice(known);
}

function encode(events: Event[]): Uint8Array {
  return toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events });
}

/**
 * Cuts an encoded EventBatch between events, into pieces of about BYTES_PER_ROW at most. Each event stands in it
 * as tag (one byte), length (varint) and body, so that any row of them is an EventBatch again.
 */
export function splitBatch(bytes: Uint8Array, limit: number = BYTES_PER_ROW): BatchRow[] {
  const rows: BatchRow[] = [];
  let count = 0;
  let start = 0;
  let at = 0;
  while (at < bytes.length) {
    let length = 0;
    let next = at + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[next++]!;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    next += length;
    if (count > 0 && next - start > limit) {
      rows.push({ bytes: bytes.subarray(start, at), count });
      start = at;
      count = 0;
    }
    count += 1;
    at = next;
  }
  if (count > 0) rows.push({ bytes: bytes.subarray(start), count });
  return rows;
}

interface BatchRow {
  bytes: Uint8Array;
  /** Events in it. */
  count: number;
}

/** Throws unless the events are numbered before + 1, before + 2, … */
export function checkNumbers(runId: string, events: Event[], before: number): void {
  for (let i = 0; i < events.length; i += 1) {
    if (events[i]!.seq !== before + 1 + i) {
      throw new WizError(
        'internal',
        `Event ${events[i]!.seq} of run ${runId} stands where ${before + 1 + i} belongs.`,
      );
    }
  }
}

/**
 * How many events of a commit the journal has already, when it ends at `storedSeq` and not where they begin: those of
 * an earlier try whose acknowledgement was lost, more may have come since. `stored` are the batches behind the number
 * before the first event. Undefined when they are not the same, or there are none.
 */
export function alreadyStored(events: Event[], storedSeq: number, stored: Uint8Array[]): number | undefined {
  const first = events[0]?.seq;
  if (first === undefined) return undefined;
  const count = storedSeq - first + 1;
  if (count <= 0 || count > events.length) return undefined;
  // An EventBatch is the row of its events, so batches one after the other are the batch of all.
  const same = Buffer.concat(stored).equals(encode(events.slice(0, count)));
  return same ? count : undefined;
}
