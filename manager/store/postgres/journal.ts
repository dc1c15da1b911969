import type { Event } from '../../../proto/gen/wiz/v1/events_pb.js';
import { decodeBatch } from '../batches.ts';
import type { Connection, Query } from './connection.ts';

/** Bytes of batches that are read at once, about: a reader of a long journal holds no more. */
const PAGE_ROWS = 64;
const SELECT = `SELECT first_seq, last_seq, events FROM batches WHERE run_id = $1 AND last_seq > $2
  ORDER BY last_seq LIMIT $3`;

export async function readEvents(
  connection: Connection,
  runId: string,
  afterSeq: number,
  limit: number,
): Promise<Event[]> {
  const events: Event[] = [];
  let after = afterSeq;
  for (;;) {
    // Most batches have an event or two: no more rows than events are wanted.
    const rows = await connection.query(SELECT, [runId, after, Math.min(PAGE_ROWS, limit)]);
    for (const row of rows) {
      for (const event of decodeBatch(row.events as Uint8Array, row.first_seq as number, afterSeq)) {
        events.push(event);
      }
      after = row.last_seq as number;
      if (events.length >= limit) return events;
    }
    if (rows.length < Math.min(PAGE_ROWS, limit)) return events;
  }
}

/** The batches behind a number, as they are stored. */
export async function readBatches(query: Query, runId: string, afterSeq: number): Promise<Uint8Array[]> {
  const rows = await query(
    'SELECT events FROM batches WHERE run_id = $1 AND last_seq > $2 ORDER BY last_seq',
    [runId, afterSeq],
  );
  return rows.map((row) => row.events as Uint8Array);
}
