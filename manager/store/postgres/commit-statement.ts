import { toBinary } from '@bufbuild/protobuf';
import { type Event, ProcessorReusedSchema, RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { encodeBatches } from '../batches.ts';
import type { CacheEntry, FileLink, LimitChanges, RunCommit, RunRow } from '../store.ts';
import { CHANNEL, payloads } from './changes.ts';
import type { Value } from './connection.ts';
import { deliveriesPart } from './deliveries.ts';
import { booleans, numbers, texts } from './literals.ts';

/**
 * The statement of a commit: one for all runs of a tick with all that they leave, so that it is one round trip and
 * one transaction. Each part is a WITH of its own over lists, a list for each column, as text: PostgreSQL makes rows
 * of them faster than of JSON, and the text of the statement depends only on which parts there are, so that it is
 * planned once.
 *
 * Measured on two cores by processor time (the machine was busy), fsync on: for each run in a commit of 1,000 runs with
 * two events each 11 us of PostgreSQL and 8 us of this process, 64 runs 21 and 19, one alone 460 and 670; 320 bytes of WAL
 * a run, every update HOT. 8,000 processors a second are 16,000 to 24,000 of them: less than half a core.
 *
 * The fence, the numbering and the row of a run are one update. When it does not find a row for each run the statement
 * divides by zero, and nothing of it is stored: then commit.ts finds out why.
 */

/** What is stored of a run: `events` from `before` + 1 on. */
export interface RunWrite extends RunCommit {
  before: number;
  /** Some of the events were stored before: links may be there already. */
  again: boolean;
}

/** What PostgreSQL says when the update did not find each run as it should be: division by zero; or, when the journal
 *  has the events already, that their key is there. */
export const NOT_AS_EXPECTED = ['22012', '23505'];

const UPDATE = `UPDATE runs SET state = i.state, reason = i.reason, message = i.message, ended_ms = i.ended_ms,
    idle = i.idle, running = i.running, failed = i.failed, succeeded = i.succeeded, warnings = i.warnings,
    cancel_requested = i.cancel_requested, seq = i.seq,
    manager_id = CASE WHEN i.state = ${RunState.RUNNING} THEN i.holder END
  FROM unnest(?::text[], ?::text[], ?::int4[], ?::int4[], ?::int4[], ?::int4[], ?::float8[], ?::int4[], ?::int4[],
    ?::int4[], ?::int4[], ?::bool[], ?::text[], ?::text[], ?::text[]) AS i (run_id, holder, epoch, before, seq, state,
    ended_ms, idle, running, failed, succeeded, cancel_requested, reason, message, warnings)
  WHERE runs.run_id = i.run_id AND runs.manager_id = i.holder AND runs.epoch = i.epoch AND runs.seq = i.before
  RETURNING 1`;
// One bytea for all: of a list of them each would be quoted twice.
const JOURNAL = `INSERT INTO batches (run_id, last_seq, first_seq, events)
  SELECT i.run_id, i.last_seq, i.first_seq, substring(all_events.bytes FROM i.start FOR i.length)
  FROM unnest(?::text[], ?::int4[], ?::int4[], ?::int4[], ?::int4[])
    AS i (run_id, last_seq, first_seq, start, length), (SELECT ?::bytea AS bytes) AS all_events`;
const FREE_LIMITS = "DELETE FROM leases WHERE kind = 'limit' AND run_id = ANY (?::text[])";
const RELEASE = `DELETE FROM leases USING unnest(?::text[], ?::text[]) AS i (key, holder)
  WHERE kind = 'limit' AND leases.key = i.key AND leases.holder = i.holder`;
const DROP_COMMANDS = 'DELETE FROM commands WHERE run_id = ANY (?::text[])';
const PUT_ENTRIES = `INSERT INTO cache_entries (key, pipeline, processor, run_id, created_ms, result)
  SELECT i.key, i.pipeline, i.processor, i.run_id, i.created_ms,
    substring(all_results.bytes FROM i.start FOR i.length)
  FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::float8[], ?::int4[], ?::int4[])
    AS i (key, pipeline, processor, run_id, created_ms, start, length), (SELECT ?::bytea AS bytes) AS all_results
  ON CONFLICT (key) DO UPDATE SET pipeline = excluded.pipeline, processor = excluded.processor,
    run_id = excluded.run_id, created_ms = excluded.created_ms, result = excluded.result`;
// Ids of runs sort by time.
const PASS_ON = `UPDATE cache_entries SET run_id = i.run_id FROM unnest(?::text[], ?::text[]) AS i (key, run_id)
  WHERE cache_entries.key = i.key AND cache_entries.run_id < i.run_id`;
const DROP_KEPT = "DELETE FROM file_links WHERE run_id = ANY (?::text[]) AND role = 'kept'";
const ADD_LINKS = `INSERT INTO file_links (hash, run_id, processor, attempt, role, name, size, folder, media_type,
    created_ms, origin_run_id, origin_attempt)
  SELECT i.hash, i.run_id, i.processor, i.attempt, i.role, i.name, i.size, i.folder, i.media_type, i.created_ms,
    i.origin_run_id, i.origin_attempt
  FROM unnest(?::text[], ?::text[], ?::text[], ?::int4[], ?::text[], ?::text[], ?::float8[], ?::bool[], ?::text[],
    ?::float8[], ?::text[], ?::int4[], ?::bool[]) WITH ORDINALITY AS i (hash, run_id, processor, attempt, role, name,
    size, folder, media_type, created_ms, origin_run_id, origin_attempt, again, n)
  WHERE NOT i.again OR i.role = 'kept' OR NOT EXISTS (SELECT 1 FROM file_links AS l
    WHERE l.run_id = i.run_id AND l.processor = i.processor AND l.hash = i.hash AND l.attempt = i.attempt
      AND l.role = i.role AND l.name = i.name AND l.created_ms = i.created_ms)
  ORDER BY i.n`;
const TELL = `SELECT pg_notify('${CHANNEL}', payload) FROM unnest(?::text[]) AS payload`;

interface Part {
  text: string;
  values: Value[];
  /** Of a SELECT, which is carried out only when somebody wants its rows. */
  wanted?: boolean;
}

/** Each run is in it once. What is released is so whoever holds the runs: nothing is stored when one is fenced. */
export function commitStatement(
  storeId: string,
  writes: RunWrite[],
  release: LimitChanges['release'] = [],
): { text: string; values: Value[] } {
  const parts = [
    updateOf(writes),
    journalOf(writes),
    ...endsOf(writes),
    ...releasesOf(release),
    ...cacheOf(writes),
    ...linksOf(writes),
    ...deliveriesOf(writes),
  ];
  parts.push(tellOf(storeId, writes));
  let n = 0;
  const withs = parts.map(({ text }, i) => `p${i} AS (${text.replaceAll('?', () => `$${++n}`)})`);
  const wanted = parts.flatMap((part, i) => (part.wanted ? [`, (SELECT count(*) FROM p${i})`] : []));
  return {
    text: `WITH ${withs.join(', ')} SELECT 1 / ((SELECT count(*) FROM p0) = $${++n}::int8)::int4${wanted.join('')}`,
    values: [...parts.flatMap((part) => part.values), writes.length],
  };
}

function updateOf(writes: RunWrite[]): Part {
  const rows = writes.map(({ row }) => row);
  const column = (of: (row: RunRow) => number) => numbers(rows.map(of));
  return {
    text: UPDATE,
    values: [
      texts(rows.map((row) => row.runId)),
      texts(rows.map((row) => row.managerId)),
      column((row) => row.epoch),
      numbers(writes.map(({ before }) => before)),
      column((row) => row.seq),
      column((row) => row.state),
      column((row) => row.endedMs),
      column((row) => row.idle),
      column((row) => row.running),
      column((row) => row.failed),
      column((row) => row.succeeded),
      booleans(rows.map((row) => row.cancelRequested)),
      texts(rows.map((row) => row.reason)),
      texts(rows.map((row) => row.message)),
      texts(rows.map((row) => JSON.stringify(row.warnings))),
    ],
  };
}

function journalOf(writes: RunWrite[]): Part {
  return journalPart(writes.map(({ row, events }) => ({ runId: row.runId, events })));
}

/** The statement that adds events to the journals of runs, with ? for its values. */
export function journalPart(runs: { runId: string; events: Event[] }[]): Part {
  const rows = runs.flatMap(({ runId, events }) =>
    encodeBatches(events).map((batch) => ({ runId, ...batch })),
  );
  const { starts, lengths, bytes } = joined(rows.map((row) => row.bytes));
  return {
    text: JOURNAL,
    values: [
      texts(rows.map((row) => row.runId)),
      numbers(rows.map((row) => row.lastSeq)),
      numbers(rows.map((row) => row.firstSeq)),
      starts,
      lengths,
      bytes,
    ],
  };
}

/** What ended holds nothing, whatever else went wrong; and an old cancel does not reach a resumed run. */
function endsOf(writes: RunWrite[]): Part[] {
  const ended = writes.filter(({ row }) => row.state !== RunState.RUNNING).map(({ row }) => row.runId);
  if (ended.length === 0) return [];
  const values = [texts(ended)];
  return [
    { text: FREE_LIMITS, values },
    { text: DROP_COMMANDS, values },
  ];
}

function releasesOf(release: LimitChanges['release']): Part[] {
  if (release.length === 0) return [];
  const values = [texts(release.map(({ key }) => key)), texts(release.map(({ holder }) => holder))];
  return [{ text: RELEASE, values }];
}

function cacheOf(writes: RunWrite[]): Part[] {
  // Sorted: two managers that write the same keys do not wait for each other.
  const entries = new Map<string, CacheEntry>();
  for (const { cacheEntries = [] } of writes) for (const entry of cacheEntries) entries.set(entry.key, entry);
  const reused = new Map<string, string>();
  for (const { row, reusedKeys = [] } of writes) {
    for (const key of reusedKeys) {
      const entry = entries.get(key);
      if (entry === undefined) {
        if ((reused.get(key) ?? '') < row.runId) reused.set(key, row.runId);
      } else if (entry.runId < row.runId) entries.set(key, { ...entry, runId: row.runId });
    }
  }
  const put = [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const parts: Part[] = [];
  if (put.length > 0) {
    const { starts, lengths, bytes } = joined(
      put.map(({ result }) => toBinary(ProcessorReusedSchema, result)),
    );
    parts.push({
      text: PUT_ENTRIES,
      values: [
        texts(put.map(({ key }) => key)),
        texts(put.map(({ pipeline }) => pipeline)),
        texts(put.map(({ processor }) => processor)),
        texts(put.map(({ runId }) => runId)),
        numbers(put.map(({ createdMs }) => createdMs)),
        starts,
        lengths,
        bytes,
      ],
    });
  }
  if (reused.size > 0) {
    const keys = [...reused.keys()].sort();
    parts.push({ text: PASS_ON, values: [texts(keys), texts(keys.map((key) => reused.get(key)!))] });
  }
  return parts;
}

function linksOf(writes: RunWrite[]): Part[] {
  const links = writes.flatMap(({ row, fileLinks = [], again }) =>
    fileLinks.map((link) => ({ ...link, runId: row.runId, again })),
  );
  if (links.length === 0) return [];
  const keeping = new Set(links.filter(({ role }) => role === 'kept').map(({ runId }) => runId));
  const column = (of: (link: FileLink) => string) => texts(links.map(of));
  const add: Part = {
    text: ADD_LINKS,
    values: [
      column((link) => link.hash),
      column((link) => link.runId),
      column((link) => link.processor),
      numbers(links.map((link) => link.attempt)),
      column((link) => link.role),
      column((link) => link.name),
      numbers(links.map((link) => link.size)),
      booleans(links.map((link) => link.folder)),
      column((link) => link.mediaType),
      numbers(links.map((link) => link.createdMs)),
      column((link) => link.originRunId),
      numbers(links.map((link) => link.originAttempt)),
      booleans(links.map((link) => link.again)),
    ],
  };
  return keeping.size === 0 ? [add] : [{ text: DROP_KEPT, values: [texts([...keeping])] }, add];
}

function deliveriesOf(writes: RunWrite[]): Part[] {
  const all = writes.flatMap(({ deliveries = [] }) => deliveries);
  return all.length === 0 ? [] : [deliveriesPart(all)];
}

function tellOf(storeId: string, writes: RunWrite[]): Part {
  const told = payloads(storeId, { kind: 'runs', runIds: writes.map(({ row }) => row.runId) });
  return { text: TELL, values: [texts(told)], wanted: true };
}

/** All in one, and where each is, as lists; for substring, which counts from 1. */
export function joined(parts: Uint8Array[]): { starts: string; lengths: string; bytes: Uint8Array } {
  const starts: number[] = [];
  let next = 1;
  for (const part of parts) {
    starts.push(next);
    next += part.length;
  }
  return {
    starts: numbers(starts),
    lengths: numbers(parts.map((part) => part.length)),
    bytes: Buffer.concat(parts),
  };
}
