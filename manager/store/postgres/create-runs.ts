/**
 * New runs. Those that are started at the same time are stored together: while one statement is under way the next ones wait,
 * and then they are one statement. A run by itself costs this process 670 us and PostgreSQL 460, most of it for the round trip
 * and the flush (see commit-statement.ts). With 1,000 runs of 20 steps at any time 12 begin together, and all processes take
 * 3.5 ms of processor time for one, before 3.9 (medians of eight rounds, in turns). When a statement fails, each
 * of its runs is tried by itself: what is wrong with one is not the others' trouble.
 */
import { WizError } from '../../../proto/error.ts';
import type { Event } from '../../../proto/gen/wiz/v1/events_pb.js';
import { alreadyStored, checkNumbers } from '../batches.ts';
import type { NewDelivery } from '../deliveries.ts';
import { shardOf } from '../shard.ts';
import type { RunRow, Store } from '../store.ts';
import { CHANNEL, payloads } from './changes.ts';
import { journalPart, NOT_AS_EXPECTED } from './commit-statement.ts';
import type { Connection, Value } from './connection.ts';
import { deliveriesPart } from './deliveries.ts';
import { codeOf } from './errors.ts';
import { readBatches } from './journal.ts';
import { booleans, numbers, texts } from './literals.ts';
import { getRun } from './runs.ts';

export interface NewRun {
  row: RunRow;
  events: Event[];
  managerId: string | null;
  deliveries: readonly NewDelivery[];
}

const INSERT = `INSERT INTO runs (run_id, pipeline, version, state, reason, message, created_ms, ended_ms, labels,
    params_json, idle, running, failed, succeeded, warnings, cancel_requested, seq, shard, manager_id, epoch, claim)
  SELECT *, 1, '' FROM unnest(?::text[], ?::text[], ?::int4[], ?::int4[], ?::text[], ?::text[], ?::float8[], ?::float8[],
    ?::text[], ?::text[], ?::int4[], ?::int4[], ?::int4[], ?::int4[], ?::text[], ?::bool[], ?::int4[], ?::int4[], ?::text[])`;

/** Runs in one statement, and characters of their specs: what is held in memory several times. */
const MOST_RUNS = 100;
const MOST_CHARACTERS = 1 << 20;

/** One statement: the rows, the first events, what hooks are told of them, and word of it. Throws WizError invalid_argument for events
 *  that are not numbered as they should be. */
export function createStatement(storeId: string, runs: NewRun[]): { text: string; values: Value[] } {
  for (const { row, events } of runs) checkNumbers(row.runId, events, row.seq - events.length);
  const deliveries = runs.flatMap((run) => run.deliveries);
  const told = deliveries.length === 0 ? undefined : deliveriesPart(deliveries);
  const journal = journalPart(runs.map(({ row, events }) => ({ runId: row.runId, events })));
  const rows = runs.map(({ row }) => row);
  const words = (of: (row: RunRow) => string) => texts(rows.map(of));
  const column = (of: (row: RunRow) => number) => numbers(rows.map(of));
  const values: Value[] = [
    words((row) => row.runId),
    words((row) => row.pipeline),
    column((row) => row.version),
    column((row) => row.state),
    words((row) => row.reason),
    words((row) => row.message),
    column((row) => row.createdMs),
    column((row) => row.endedMs),
    words((row) => JSON.stringify(row.labels)),
    words((row) => row.paramsJson),
    column((row) => row.idle),
    column((row) => row.running),
    column((row) => row.failed),
    column((row) => row.succeeded),
    words((row) => JSON.stringify(row.warnings)),
    booleans(rows.map((row) => row.cancelRequested)),
    column((row) => row.seq),
    column((row) => shardOf(row.runId)),
    texts(runs.map(({ managerId }) => managerId)),
    ...journal.values,
    ...(told?.values ?? []),
    texts([
      ...payloads(storeId, { kind: 'runs', runIds: rows.map((row) => row.runId) }),
      // Somebody is to take it.
      ...(runs.some(({ managerId }) => managerId === null) ? payloads(storeId, { kind: 'ownership' }) : []),
    ]),
  ];
  let n = 0;
  const text = `WITH created AS (${INSERT}), journaled AS (${journal.text})${told === undefined ? '' : `, told AS (${told.text})`}
    SELECT pg_notify('${CHANNEL}', payload) FROM unnest(?::text[]) AS payload`;
  return { text: text.replaceAll('?', () => `$${++n}`), values };
}

interface Waiting extends NewRun {
  done(): void;
  failed(error: unknown): void;
}

export function createRunCreator(connection: Connection): Store['createRun'] {
  const waiting: Waiting[] = [];
  let isUnderWay = false;

  async function create(): Promise<void> {
    while (waiting.length > 0) {
      const group = nextGroup(waiting);
      try {
        const { text, values } = createStatement(connection.storeId, group);
        await connection.once.commit(text, values);
        for (const { done } of group) done();
      } catch {
        // Not waited for: while the server is away each has its own patience.
        for (const run of group) void createAlone(connection, run).then(run.done, run.failed);
      }
    }
    isUnderWay = false;
  }

  return async (row, events, managerId, deliveries = []) => {
    // Here, where only its own run suffers from it.
    checkNumbers(row.runId, events, row.seq - events.length);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ row, events, managerId, deliveries, done: resolve, failed: reject });
    if (!isUnderWay) {
      isUnderWay = true;
      // After the calls that have already arrived.
      setImmediate(create);
    }
    return promise;
  };
}

/** Takes the first ones off the list, one at least. */
function nextGroup(waiting: Waiting[]): Waiting[] {
  let characters = 0;
  const end = waiting.findIndex(({ events }, i) => {
    for (const { event } of events)
      if (event.case === 'runCreated') characters += event.value.specJson.length;
    return i > 0 && (i === MOST_RUNS || characters > MOST_CHARACTERS);
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

async function createAlone(connection: Connection, run: NewRun): Promise<void> {
  const { text, values } = createStatement(connection.storeId, [run]);
  await connection.patiently(async () => {
    try {
      await connection.once.commit(text, values);
    } catch (error) {
      if (!NOT_AS_EXPECTED.includes(codeOf(error))) throw error;
      if (await isSame(connection, run)) return;
      throw new WizError('already_exists', `There is a run ${run.row.runId} already.`, { cause: error });
    }
  });
}

/** It was created just so, and nothing has been done with it. */
async function isSame(connection: Connection, { row, events, managerId }: NewRun): Promise<boolean> {
  const found = await getRun(connection, row.runId);
  if (found?.epoch !== 1 || found.managerId !== managerId || found.seq !== row.seq) return false;
  const batches = await readBatches(connection.query, row.runId, row.seq - events.length);
  return alreadyStored(events, found.seq, batches) === events.length;
}
