import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, ChangeWatch } from '../store.ts';
import type { Connection } from './connection.ts';

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
export async function notify(query: Connection['query'], storeId: string, change: Change): Promise<void> {
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
  const sql = connection.open({ max: 1, idle_timeout: 0, connection: { application_name: 'wiz listen' } });
  let closed = false;
  const told = (payload: string) => {
    const change = closed ? undefined : changeOf(payload, connection.storeId);
    if (change !== undefined) listener(change);
  };
  const any = () => {
    if (!closed) listener({ kind: 'any' });
  };

  async function listen(): Promise<void> {
    // The driver listens again by itself, once it has listened.
    while (!closed) {
      try {
        await sql.listen(CHANNEL, told, any);
        return;
      } catch {
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }
  void listen();
  const look = setInterval(any, LOOK_MS).unref();

  async function close(): Promise<void> {
    closed = true;
    clearInterval(look);
    connection.closing.delete(close);
    await sql.end({ timeout: 0 });
  }
  connection.closing.add(close);
  // A connection keeps the process alive by itself.
  return { close, ref: () => {}, unref: () => {} };
}
