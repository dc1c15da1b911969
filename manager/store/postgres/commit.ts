import { WizError } from '../../../proto/error.ts';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import { alreadyStored, checkNumbers } from '../batches.ts';
import { checkRecords } from '../records.ts';
import type { CommitResult, LimitChanges, RunCommit } from '../store.ts';
import { commitStatement, NOT_AS_EXPECTED, type RunWrite } from './commit-statement.ts';
import type { Connection, Query } from './connection.ts';
import { codeOf } from './errors.ts';
import { readBatches } from './journal.ts';
import { changeLimits, lockLimits } from './limits.ts';
import { texts } from './literals.ts';
import { replaceRecords } from './records.ts';

/**
 * The hot path: everything that happened in a tick.
 *
 *   fast --not as expected, or with limits to acquire or records--> careful
 *
 * *Fast* is one statement that counts on every run being the committer's and its journal ending where the events
 * begin, and stores nothing otherwise. *Careful* is a transaction that locks the runs and looks at each: what belongs
 * to another manager is left out, and what is there already (the answer to an earlier try was lost) is done.
 */

const LOCK = `SELECT run_id, manager_id, epoch, seq, state FROM runs WHERE run_id = ANY ($1::text[])
  ORDER BY run_id FOR UPDATE`;
const OWN_AGAIN = 'UPDATE runs SET manager_id = $2 WHERE run_id = $1';

export async function commit(
  connection: Connection,
  runs: RunCommit[],
  limits: LimitChanges,
): Promise<CommitResult> {
  for (const { row, events, records } of runs) {
    checkNumbers(row.runId, events, row.seq - events.length);
    if (records !== undefined) checkRecords(records);
  }
  const { acquire, release } = limits;
  if (runs.length + acquire.length + release.length === 0) return { fenced: [], exceeded: [] };
  const isPlain =
    runs.length > 0 &&
    acquire.length === 0 &&
    runs.every(({ records }) => records === undefined) &&
    areDistinct(runs);
  return connection.patiently(async (tries) => {
    if (isPlain && tries === 0 && (await commitFast(connection, runs, release)))
      return { fenced: [], exceeded: [] };
    return commitCarefully(connection, runs, limits);
  });
}

function areDistinct(runs: RunCommit[]): boolean {
  return new Set(runs.map(({ row }) => row.runId)).size === runs.length;
}

/** False when nothing was stored because something is not as it should be. */
async function commitFast(
  connection: Connection,
  runs: RunCommit[],
  release: LimitChanges['release'],
): Promise<boolean> {
  const writes = runs.map((change) => ({
    ...change,
    before: change.row.seq - change.events.length,
    again: false,
  }));
  const { text, values } = commitStatement(connection.storeId, writes, release);
  try {
    await connection.once.commit(text, values);
    return true;
  } catch (error) {
    if (NOT_AS_EXPECTED.includes(codeOf(error))) return false;
    throw error;
  }
}

/** Thrown inside the transaction, so that nothing of it is stored. */
class Exceeded extends Error {
  readonly keys: string[];
  constructor(keys: string[]) {
    super('exceeded');
    this.keys = keys;
  }
}

async function commitCarefully(
  connection: Connection,
  runs: RunCommit[],
  limits: LimitChanges,
): Promise<CommitResult> {
  try {
    return await connection.once.transaction(async (query) => {
      // One after the other, so that a count is that of the rows there are when this holds.
      await lockLimits(query, limits);
      const { writes, fenced } = await whatToWrite(query, runs);
      for (const round of roundsOf(writes)) {
        const { text, values } = commitStatement(connection.storeId, round);
        await query(text, values);
        for (const write of round) {
          if (write.records === undefined) continue;
          await replaceRecords(
            query,
            write.row,
            write.records,
            write.events.at(-1)?.unixMs ?? write.row.createdMs,
          );
        }
      }
      const exceeded = await changeLimits(query, limits, fenced);
      if (exceeded.length > 0) throw new Exceeded(exceeded);
      return { fenced: [...fenced], exceeded: [] };
    });
  } catch (error) {
    if (!(error instanceof Exceeded)) throw error;
    return { fenced: [], exceeded: error.keys };
  }
}

/** Locks the runs, and tells what is to be stored of each. */
async function whatToWrite(
  query: Query,
  runs: RunCommit[],
): Promise<{ writes: RunWrite[]; fenced: Set<string> }> {
  const rows = await query(LOCK, [texts([...new Set(runs.map(({ row }) => row.runId))])]);
  const byId = new Map(rows.map((row) => [row.run_id as string, row]));
  const writes: RunWrite[] = [];
  const fenced = new Set<string>();
  for (const change of runs) {
    const { row, events } = change;
    if (fenced.has(row.runId)) continue;
    const found = byId.get(row.runId);
    const seq = Number(found?.seq);
    let before = row.seq - events.length;
    const epoch = found?.epoch === row.epoch && row.managerId !== null;
    const isOwn = epoch && found.manager_id === row.managerId;
    // It ended in an earlier try of this commit, which freed it; nobody has taken it since.
    const wasOwn = epoch && found.manager_id === null && found.state !== RunState.RUNNING;
    const stored =
      (isOwn || wasOwn) && seq > before
        ? alreadyStored(events, seq, await readBatches(query, row.runId, before))
        : undefined;
    if (!isOwn && stored === undefined) {
      fenced.add(row.runId);
      continue;
    }
    before += stored ?? 0;
    if (seq !== before) {
      throw new WizError('internal', `The journal of run ${row.runId} ends at ${seq}, not at ${before}.`);
    }
    if (stored !== undefined && stored === events.length) continue;
    if (!isOwn) await query(OWN_AGAIN, [row.runId, row.managerId]);
    // For what this commit has about the same run behind it.
    Object.assign(found!, {
      seq: row.seq,
      state: row.state,
      manager_id: row.state === RunState.RUNNING ? row.managerId : null,
    });
    writes.push({ ...change, events: events.slice(stored ?? 0), before, again: stored !== undefined });
  }
  return { writes, fenced };
}

/** Lists in which each run is once, in their order. */
function roundsOf(writes: RunWrite[]): RunWrite[][] {
  const rounds: RunWrite[][] = [];
  const seen = new Map<string, number>();
  for (const write of writes) {
    const round = seen.get(write.row.runId) ?? 0;
    seen.set(write.row.runId, round + 1);
    rounds[round] ??= [];
    rounds[round].push(write);
  }
  return rounds;
}
