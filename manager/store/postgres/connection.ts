import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Options, type ParameterOrJSON, type Sql } from 'postgres';
import { WizError } from '../../../proto/error.ts';
import { newId } from '../../../proto/ids.ts';
import { isPassing, storeError } from './errors.ts';
import { migrate, SCHEMA } from './migrate.ts';

/**
 * The connections to the database: one for commits, so that none waits behind a list that somebody reads, and a few for
 * all else. They are made when they are needed, and again when they broke.
 *
 * Everything is done again, for PATIENCE_MS, when the server went away, restarts, or two transactions met; it may have
 * been done already, so it has to be of a kind that can be done twice.
 */
export interface Connection {
  /** Host, port and database, for people: without user and password. */
  readonly place: string;
  readonly db: PostgresJsDatabase;
  /** Names this opening of the store among those that are told of changes. */
  readonly storeId: string;
  /** A statement, prepared once for each text. Columns are as the driver parses them; bytea is a Buffer. */
  query(text: string, values?: Value[]): Promise<Row[]>;
  /** Tried once. Throws what the driver throws. */
  once(text: string, values: Value[]): Promise<Row[]>;
  /** Drizzle's queries, with the same patience. */
  ask<T>(work: (db: PostgresJsDatabase) => Promise<T>): Promise<T>;
  transaction<T>(work: (query: Connection['query']) => Promise<T>): Promise<T>;
  /** Tried once. Throws what the driver throws. */
  transactionOnce<T>(work: (query: Connection['query']) => Promise<T>): Promise<T>;
  /** A statement on the connection for commits, tried once. Throws what the driver throws. */
  commit(text: string, values: Value[]): Promise<Row[]>;
  /** A driver of its own to the same database, for whoever needs connections that differ. */
  open(options: Options<Record<string, never>>): Sql;
  patiently<T>(work: (tries: number) => Promise<T>): Promise<T>;
  /** What is to end with the connection. */
  readonly closing: Set<() => void | Promise<void>>;
  close(): Promise<void>;
}

export type Row = Record<string, unknown>;
/** Lists are written as literals, see literals.ts. */
export type Value = string | number | boolean | null | Uint8Array;

/** Milliseconds for which something is tried again: longer than PostgreSQL takes to restart, shorter than people wait. */
const PATIENCE_MS = 10_000;
/** Milliseconds between tries, at first and at most. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 300;
/** Connections for reads and rare writes. A statement that finds them all busy waits behind one. */
const POOL = 6;
/** Seconds after which a connection that is not used is closed. */
const IDLE_S = 60;

/** Opens the database and brings it up to date. Throws WizError. */
export async function connect(address: string): Promise<Connection> {
  const place = placeOf(address);
  const open = (options: Options<Record<string, never>>) => client(address, place, options);
  const pool = open({ max: POOL });
  const commits = open({
    max: 1,
    // The statements of a commit are planned once. Without statistics (a new table) the planner would take a scan of
    // the whole, and keep to it when the table has grown.
    connection: {
      plan_cache_mode: 'force_generic_plan',
      enable_seqscan: false,
      enable_hashjoin: false,
      enable_mergejoin: false,
    },
  });
  const connection = wrap(place, pool, commits, open);
  try {
    await migrate(pool, place, Date.now());
    return connection;
  } catch (error) {
    await connection.close();
    throw storeError(error, place);
  }
}

function client(address: string, place: string, options: Options<Record<string, never>>): Sql {
  try {
    return postgres(address, {
      idle_timeout: IDLE_S,
      // Ours do not change; and connections are made again at once, since tries pause by themselves.
      max_lifetime: null,
      backoff: () => 0.02,
      connect_timeout: 10,
      // Lists go as literals: no question about types when a connection is made.
      fetch_types: false,
      onnotice: () => {},
      ...options,
      connection: { application_name: 'wiz', search_path: SCHEMA, ...options.connection },
    }) as Sql;
  } catch (error) {
    throw new WizError('invalid_argument', `"${place}" is no address of a PostgreSQL database.`, {
      cause: error,
    });
  }
}

function wrap(place: string, pool: Sql, commits: Sql, open: Connection['open']): Connection {
  const db = drizzle({ client: pool });
  const closing = new Set<() => void | Promise<void>>();
  let closed = false;

  async function patiently<T>(work: (tries: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let tries = 0; ; tries += 1) {
      try {
        return await work(tries);
      } catch (error) {
        if (closed || !isPassing(error) || performance.now() > deadline) throw storeError(error, place);
      }
      await sleep(Math.min(FIRST_PAUSE_MS * 2 ** tries, MAX_PAUSE_MS));
    }
  }

  function transactionOnce<T>(work: (query: Connection['query']) => Promise<T>): Promise<T> {
    const begun = pool.begin((transaction) => work((text, values = []) => run(transaction, text, values)));
    return begun as Promise<T>;
  }

  return {
    place,
    db,
    storeId: newId(),
    query: (text, values = []) => patiently(() => run(pool, text, values)),
    once: (text, values) => run(pool, text, values),
    ask: (work) => patiently(() => work(db)),
    transaction: (work) => patiently(() => transactionOnce(work)),
    transactionOnce,
    commit: (text, values) => run(commits, text, values),
    open,
    patiently,
    closing,
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all([...closing].map((end) => end()));
      // What is still asked then is cut off.
      await Promise.all([pool.end({ timeout: 2 }), commits.end({ timeout: 2 })]);
    },
  };
}

async function run(sql: Pick<Sql, 'unsafe'>, text: string, values: Value[]): Promise<Row[]> {
  const result = await sql.unsafe(text, values as ParameterOrJSON<never>[], { prepare: true });
  // Without what the driver tells beside the rows.
  return Array.from(result);
}

function placeOf(address: string): string {
  try {
    const { host, hostname, port, pathname } = new URL(address);
    return `${port === '' && hostname !== '' ? `${host}:5432` : host}${decodeURIComponent(pathname)}`;
  } catch {
    throw new WizError(
      'invalid_argument',
      'The address of the store is no URL. Write postgres://user:password@host:5432/database, with special ' +
        'characters of the password percent-encoded.',
    );
  }
}
