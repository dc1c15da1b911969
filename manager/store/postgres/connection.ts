import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Options, type ParameterOrJSON, type Sql } from 'postgres';
import { WizError } from '../../../proto/error.ts';
import { newId } from '../../../proto/ids.ts';
import { codeOf, isLost, isPassing, storeError } from './errors.ts';
import { migrate, SCHEMA } from './migrate.ts';
import { createTransactions } from './transactions.ts';

/**
 * The connections to the database: one for commits, so that none waits behind a list that somebody reads, some for
 * transactions, and a few for all else. They are made when they are needed, and again when they broke.
 *
 * Everything but what is asked `once` is done again, for PATIENCE_MS, when the server went away, restarts, or two transactions met; it may have
 * been done already, so it has to be of a kind that can be done twice.
 */
export interface Connection {
  /** Host, port and database, for people: without user and password. */
  readonly place: string;
  /** Names this opening of the store among those that are told of changes. */
  readonly storeId: string;
  /** A statement, prepared once for each text. Columns are as the driver parses them; bytea is a Buffer. */
  query(text: string, values?: Value[]): Promise<Row[]>;
  /** Drizzle's queries. */
  ask<T>(work: (db: PostgresJsDatabase) => Promise<T>): Promise<T>;
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** The same, tried once. Throws what the driver throws. */
  readonly once: Once;
  patiently<T>(work: (tries: number) => Promise<T>): Promise<T>;
  /** A driver of its own to the same database, for whoever needs connections that differ. */
  open(options: ClientOptions): Sql;
  /** What is to end with the connection. */
  readonly closing: Set<() => void | Promise<void>>;
  close(): Promise<void>;
}

export interface Once {
  query: Query;
  ask<T>(work: (db: PostgresJsDatabase) => Promise<T>): Promise<T>;
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** A statement on the connection for commits. */
  commit: Query;
}

export type Query = (text: string, values?: Value[]) => Promise<Row[]>;

export type ClientOptions = Options<Record<string, never>>;

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
/** Milliseconds between looks whether the tables of the next week are there. */
const LOOK_FOR_WEEKS_MS = 6 * 3600 * 1000;
/** The server starts. */
const STARTING = '57P03';
/** Seconds that a driver gets to end. */
const LEAVE_S = 2;
/** Seconds after which a connection that is not used is closed. */
const IDLE_S = 60;

/** The database as it is: nothing is asked of it yet. */
export function connectTo(address: string): Connection {
  const place = placeOf(address);
  return wrap(place, (options) => client(address, place, options));
}

/** Opens the database and brings it up to date. Throws WizError. */
export async function connect(address: string): Promise<Connection> {
  const connection = connectTo(address);
  try {
    await connection.patiently(() => migrateOn(connection));
    keepWeeks(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A manager that runs for weeks makes their tables ahead; what has none is kept in one for all others. */
function keepWeeks(connection: Connection): void {
  const timer = setInterval(() => void migrateOn(connection).catch(() => {}), LOOK_FOR_WEEKS_MS).unref();
  connection.closing.add(() => clearInterval(timer));
}

async function migrateOn(connection: Connection): Promise<void> {
  try {
    await migrate(connection.once, connection.place, Date.now());
  } catch (error) {
    // An address that was given wrong is not waited for; a server that starts is.
    throw isLost(error) && codeOf(error) !== STARTING ? storeError(error, connection.place) : error;
  }
}

function client(address: string, place: string, options: ClientOptions): Sql {
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

/** The statements of a commit are planned once. Without statistics (a new table) the planner would take a scan of the
 *  whole, and keep to it when the table has grown. */
const PLANNED_ONCE = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: false,
  enable_hashjoin: false,
  enable_mergejoin: false,
};

function wrap(place: string, open: Connection['open']): Connection {
  const pool = renewable(() => open({ max: POOL }));
  const transactions = createTransactions(open);
  const commits = renewable(() => open({ max: 1, connection: PLANNED_ONCE }));
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

  const once: Once = {
    query: (text, values) => pool.use(({ sql }) => run(sql, text, values)),
    ask: (work) => pool.use(({ db }) => work(db)),
    transaction: (work) => transactions.run(work),
    commit: (text, values) => commits.use(({ sql }) => run(sql, text, values)),
  };

  return {
    place,
    storeId: newId(),
    query: (text, values) => patiently(() => once.query(text, values)),
    ask: (work) => patiently(() => once.ask(work)),
    transaction: (work) => patiently(() => once.transaction(work)),
    once,
    patiently,
    open,
    closing,
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all([...closing].map((end) => end()));
      await Promise.all([pool.close(), commits.close(), transactions.close()]);
    },
  };
}

interface Client {
  sql: Sql;
  db: PostgresJsDatabase;
}

/**
 * A driver that is made anew when one of its connections broke. The driver's own way fails for good when a connection
 * breaks in the same turn of the event loop in which something was written to it: what was to be written stays, and is
 * sent before the greeting of the next one (postgres 3.4.9: `chunk` outlives `closed`).
 */
function renewable(make: () => Sql) {
  const created = (): Client => {
    const sql = make();
    return { sql, db: drizzle({ client: sql }) };
  };
  let current = created();
  const leaving = new Set<Promise<void>>();

  function leave({ sql }: Client): void {
    // What is under way on its other connections goes on; what is still asked after this time is cut off.
    const left = sql.end({ timeout: LEAVE_S }).finally(() => leaving.delete(left));
    leaving.add(left);
  }

  return {
    async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
      const used = current;
      try {
        return await work(used);
      } catch (error) {
        if (isLost(error) && used === current) {
          current = created();
          leave(used);
        }
        throw error;
      }
    },
    async close(): Promise<void> {
      leave(current);
      await Promise.all(leaving);
    },
  };
}

async function run(sql: Pick<Sql, 'unsafe'>, text: string, values: Value[] = []): Promise<Row[]> {
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
