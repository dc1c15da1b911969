import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, ChangeWatch } from '../store.ts';
import type { Connection, Query } from './connection.ts';

/**
 * What tells managers of each other's commits: LISTEN and NOTIFY, sent in the transaction that it tells of. Payloads
 * are the id of the store that committed, which does not listen to itself, a word, and ids of runs.
 *
 * A connection that broke has missed what was sent meanwhile: when there is one again, anything may have changed.
 * Commits that notify are made durable one after the other by PostgreSQL (they take a lock until they are flushed); a
 * tick is one commit however many runs it has, so that several managers still make thousands of events durable in each.
 */

export const CHANNEL = 'wiz';
/** Bytes of one payload; PostgreSQL takes 8,000. */
const PAYLOAD_BYTES = 7_900;
/** Milliseconds between looks that need no signal: for a connection that is dead and does not know it. */
const LOOK_MS = 20_000;
/** Milliseconds between tries to listen again. */
const RETRY_MS = 200;

/** What is sent for a change. */
export function payloads(storeId: string, change: Change): string[] {
  const start = `${storeId} ${change.kind}`;
  const sent = [start];
  for (const runId of change.kind === 'runs' ? change.runIds : []) {
    if (sent.at(-1)!.length + runId.length >= PAYLOAD_BYTES) sent.push(start);
    sent[sent.length - 1] += ` ${runId}`;
  }
  return sent;
}

/** Inside a transaction, or a statement of its own. */
export async function notify(query: Query, storeId: string, change: Change): Promise<void> {
  for (const payload of payloads(storeId, change)) {
    await query(`SELECT pg_notify('${CHANNEL}', $1)`, [payload]);
  }
}

function changeOf(payload: string, storeId: string): Change | undefined {
  const [from, kind, ...runIds] = payload.split(' ');
  if (from === storeId) return undefined;
  if (kind === 'runs') return { kind, runIds };
  return kind === 'commands' || kind === 'ownership' ? { kind } : { kind: 'any' };
}

export function watchChanges(connection: Connection, listener: (change: Change) => void): ChangeWatch {
  const stop = new AbortController();
  const { signal } = stop;
  const any = () => {
    if (!signal.aborted) listener({ kind: 'any' });
  };

  /** Until the connection breaks. Throws when there is none. */
  async function listen(): Promise<void> {
    const broken = Promise.withResolvers<void>();
    const options = {
      max: 1,
      idle_timeout: 0,
      connection: { application_name: 'wiz listen' },
      onclose: () => broken.resolve(),
      // Not in the types of the driver. Its own `listen` goes on with a connection that cannot be gone on with, see
      // renewable in connection.ts.
      onnotify(_channel: string, payload: string) {
        const change = changeOf(payload, connection.storeId);
        if (change !== undefined && !signal.aborted) listener(change);
      },
    };
    const sql = connection.open(options);
    const end = () => void sql.end({ timeout: 0 });
    signal.addEventListener('abort', end);
    try {
      await sql.unsafe(`LISTEN ${CHANNEL}`);
      any();
      await broken.promise;
    } finally {
      signal.removeEventListener('abort', end);
      await sql.end({ timeout: 0 });
    }
  }

  async function listenAlways(): Promise<void> {
    while (!signal.aborted) {
      await listen().catch(() => {});
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
  const listening = listenAlways();
  const look = setInterval(any, LOOK_MS).unref();

  async function close(): Promise<void> {
    stop.abort();
    clearInterval(look);
    connection.closing.delete(close);
    await listening;
  }
  connection.closing.add(close);
  // A connection keeps the process alive by itself.
  return { close: () => void close(), ref: () => {}, unref: () => {} };
}
