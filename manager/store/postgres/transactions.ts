import type { ParameterOrJSON, Sql } from 'postgres';
import type { Connection, Query } from './connection.ts';
import { isLost } from './errors.ts';

/**
 * Transactions, each on a connection that it has for itself. Not by the driver's `begin`: that writes ROLLBACK to a
 * connection that has broken, which ends the process (postgres 3.4.9: a null socket in a setImmediate).
 *
 *   free --taken--> in a transaction --committed, rolled back--> free
 *                          |
 *                          +--its connection breaks--> dropped
 *
 * Once they are closed there is no new one, and nobody waits for one any more.
 */
export interface Transactions {
  /** Tried once. Throws what the driver throws; then nothing was stored, unless the answer to the COMMIT was lost. */
  run<T>(work: (query: Query) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Connections for transactions; more of them wait. */
const LANES = 4;
/** Seconds that a driver gets to end. */
const LEAVE_S = 2;

interface Lane {
  sql: Sql;
  broken: boolean;
}

export function createTransactions(open: Connection['open']): Transactions {
  const free: Lane[] = [];
  const waiting: PromiseWithResolvers<Lane>[] = [];
  const all = new Set<Lane>();
  let closed = false;

  function newLane(): Lane {
    const lane: Lane = {
      broken: false,
      sql: open({
        max: 1,
        onclose() {
          lane.broken = true;
        },
      }),
    };
    all.add(lane);
    return lane;
  }

  function take(): Lane | Promise<Lane> {
    const lane = free.pop();
    if (lane !== undefined) return lane;
    if (closed) throw endedError();
    if (all.size < LANES) return newLane();
    const waiter = Promise.withResolvers<Lane>();
    waiting.push(waiter);
    return waiter.promise;
  }

  function giveBack(lane: Lane): void {
    let next = lane;
    if (lane.broken) {
      all.delete(lane);
      void lane.sql.end({ timeout: LEAVE_S });
      if (waiting.length === 0) return;
      next = newLane();
    }
    const waiter = waiting.shift();
    if (waiter === undefined) free.push(next);
    else waiter.resolve(next);
  }

  return {
    async run(work) {
      const lane = await take();
      // One that was closed for not being used is whole again.
      lane.broken = false;
      try {
        return await transact(lane, work);
      } finally {
        giveBack(lane);
      }
    },
    async close() {
      closed = true;
      for (const waiter of waiting.splice(0)) waiter.reject(endedError());
      await Promise.all([...all].map(({ sql }) => sql.end({ timeout: LEAVE_S })));
    },
  };
}

/** As the driver says it. */
function endedError(): Error {
  return Object.assign(new Error('the store was closed'), { code: 'CONNECTION_ENDED' });
}

async function transact<T>(lane: Lane, work: (query: Query) => Promise<T>): Promise<T> {
  const query: Query = async (text, values = []) => {
    // The driver would go on, outside the transaction, on another connection.
    if (lane.broken) throw Object.assign(new Error('the connection broke'), { code: 'CONNECTION_CLOSED' });
    const given = values as ParameterOrJSON<never>[];
    try {
      return Array.from(await lane.sql.unsafe(text, given, { prepare: true }));
    } catch (error) {
      // After a reset the driver says so before it has closed; what it is asked in between, it never answers.
      if (isLost(error)) lane.broken = true;
      throw error;
    }
  };
  await query('BEGIN');
  try {
    const result = await work(query);
    await query('COMMIT');
    return result;
  } catch (error) {
    await query('ROLLBACK').catch(() => {
      // Then its connection is gone, and the transaction with it.
      lane.broken = true;
    });
    throw error;
  }
}
