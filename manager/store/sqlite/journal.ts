import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Event, EventBatchSchema } from '../../../proto/gen/wiz/v1/events_pb.js';
import type { Connection } from './connection.ts';

/**
 * The journal: rows of event batches, each an EventBatch in protobuf, by run and number of the last event.
 */

/** Events encoded at a time. */
const EVENTS_PER_ROW = 4_000;
/** Bytes of a row that is not one single event: a reader holds a row at a time. */
const BYTES_PER_ROW = 1 << 20;

const INSERT = 'INSERT INTO batches (run_id, last_seq, first_seq, events) VALUES (?, ?, ?, ?)';
const SELECT =
  'SELECT first_seq AS firstSeq, events FROM batches WHERE run_id = ? AND last_seq > ? ORDER BY last_seq';

/** Inside a transaction. The events are numbered without gaps. */
export function appendEvents(connection: Connection, runId: string, events: Event[]): void {
  const insert = connection.statement(INSERT);
  for (let start = 0; start < events.length; start += EVENTS_PER_ROW) {
    const part = events.length <= EVENTS_PER_ROW ? events : events.slice(start, start + EVENTS_PER_ROW);
    const bytes = toBinary(EventBatchSchema, { $typeName: 'wiz.v1.EventBatch', events: part });
    let firstSeq = part[0]!.seq;
    for (const row of splitBatch(bytes)) {
      insert.run(runId, firstSeq + row.count - 1, firstSeq, row.bytes);
      firstSeq += row.count;
    }
  }
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

export function readEvents(connection: Connection, runId: string, afterSeq: number, limit: number): Event[] {
  const events: Event[] = [];
  for (const row of connection.statement(SELECT).iterate(runId, afterSeq)) {
    const batch = fromBinary(EventBatchSchema, row.events as Uint8Array).events;
    const known = Math.max(0, afterSeq + 1 - Number(row.firstSeq));
    for (let i = known; i < batch.length; i += 1) events.push(batch[i]!);
    if (events.length >= limit) break;
  }
  return events;
}
