import type { Event } from '../../../proto/gen/wiz/v1/events_pb.js';
import { decodeBatch, encodeBatches } from '../batches.ts';
import type { Connection } from './connection.ts';

const INSERT = 'INSERT INTO batches (run_id, last_seq, first_seq, events) VALUES (?, ?, ?, ?)';
const SELECT =
  'SELECT first_seq AS firstSeq, events FROM batches WHERE run_id = ? AND last_seq > ? ORDER BY last_seq';

/** Inside a transaction. The events are numbered without gaps. */
export function appendEvents(connection: Connection, runId: string, events: Event[]): void {
  const insert = connection.statement(INSERT);
  for (const { lastSeq, firstSeq, bytes } of encodeBatches(events))
    insert.run(runId, lastSeq, firstSeq, bytes);
}

export function readEvents(connection: Connection, runId: string, afterSeq: number, limit: number): Event[] {
  const events: Event[] = [];
  for (const row of connection.statement(SELECT).iterate(runId, afterSeq)) {
    for (const event of decodeBatch(row.events as Uint8Array, Number(row.firstSeq), afterSeq)) {
      events.push(event);
    }
    if (events.length >= limit) break;
  }
  return events;
}

/** The batches behind a number, as they are stored. */
export function readBatches(connection: Connection, runId: string, afterSeq: number): Uint8Array[] {
  return connection
    .statement(SELECT)
    .all(runId, afterSeq)
    .map((row) => row.events as Uint8Array);
}
