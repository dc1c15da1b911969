import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  createFrameReader,
  createFrameWriter,
  decodeExit,
  FrameKind,
  type FrameWriter,
  type ProgramExit,
  type SpawnerStats,
  type SpawnRequest,
} from './frames.ts';
import { killGroup } from './process-group.ts';

/**
 * The executor's side of its spawner. The process is started with the first program (or by `warm`), and again
 * with the next one after it was lost.
 */
export interface SpawnerClient {
  spawn(request: SpawnRequest, events: SpawnedEvents): SpawnedHandle;
  /** Starts the process now, so that the first program does not wait for it. */
  warm(): void;
  /** Settles when the spawner can start programs or was lost; undefined when it can already. */
  ready(): Promise<void> | undefined;
  stats(): Promise<SpawnerStats>;
  /** Ends the spawner, and thereby all of its programs; resolves when the process is gone. */
  close(): Promise<void>;
}

/** Exactly one of exited, refused and lost is called, once, last. */
export interface SpawnedEvents {
  /** The bytes are the receiver's to keep. */
  output(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  exited(exit: ProgramExit): void;
  /** An error code such as ENOENT; ECANCELED when it was signalled before it could start. */
  refused(code: string): void;
  /** The spawner ended, or could not be started. The program's group was killed if it was known. */
  lost(message: string): void;
}

export interface SpawnedHandle {
  signal(signal: number): void;
  /** That many bytes of output were taken. */
  credit(bytes: number): void;
}

export interface SpawnerOptions {
  /** Absolute path of the spawner's entry. Default: the TypeScript file beside this one. */
  entry?: string;
  /** `portable` starts programs with child_process. Default: $WIZ_SPAWNER, else `native`. */
  kind?: 'native' | 'portable';
}

/** In source mode; a bundle has to pass its own. */
export const defaultSpawnerEntry = fileURLToPath(new URL('./spawner-main.ts', import.meta.url));

/** Bodies below this are copied out of the socket's chunk, so that a kept line does not keep 64 KiB. */
const COPY_BELOW = 16 * 1024;

interface Live {
  events: SpawnedEvents;
  pid: number;
}

interface Connection {
  child: ChildProcess;
  writer: FrameWriter;
  live: Map<number, Live>;
  statsCalls: ((stats: SpawnerStats) => void)[];
  /** undefined from then on. */
  ready: Promise<void> | undefined;
  gone: Promise<void>;
}

export function createSpawnerClient(options: SpawnerOptions = {}): SpawnerClient {
  const entry = options.entry ?? defaultSpawnerEntry;
  const kind = options.kind ?? (process.env.WIZ_SPAWNER === 'portable' ? 'portable' : 'native');
  let current: Connection | undefined;
  let closed = false;
  let nextId = 1;

  function connect(): Connection {
    if (current !== undefined) return current;
    const child = spawn(process.execPath, [entry], {
      cwd: '/',
      detached: true, // signals of a terminal are for the executor
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
      // Programs get their environment with each request; NODE_OPTIONS and the like are not for the spawner.
      env: { WIZ_SPAWNER: kind, ...compileCache() },
    });
    const channel = child.stdio[3] as Socket;
    const gone = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    const connection: Connection = {
      child,
      writer: createFrameWriter(channel),
      live: new Map(),
      statsCalls: [],
      ready: ready.promise,
      gone: gone.promise,
    };
    channel.on(
      'data',
      createFrameReader((frame, id, body) => {
        if (frame !== FrameKind.hello) return receive(connection, frame, id, body);
        connection.ready = undefined;
        ready.resolve();
      }),
    );
    channel.on('error', () => {}); // 'close' follows
    let exitText = '';
    let open = 2; // the channel's end may come before the exit is known, and the other way round
    const oneClosed = () => {
      if (--open > 0) return;
      if (current === connection) current = undefined;
      const when =
        connection.ready === undefined ? 'while the program ran' : 'before it could start a program';
      lose(connection, closed ? 'the executor was closed' : `the spawner process ${exitText} ${when}`);
      ready.resolve();
      gone.resolve();
    };
    channel.on('close', () => {
      if (current === connection) current = undefined;
      child.kill('SIGKILL'); // a spawner that cannot be reached; no effect when it has exited
      oneClosed();
    });
    child.once('error', (error) => {
      exitText = `could not be started (${error.message})`;
      channel.destroy();
      oneClosed();
    });
    child.once('exit', (code, signal) => {
      if (current === connection) current = undefined;
      exitText = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
      oneClosed();
    });
    current = connection;
    return connection;
  }

  return {
    spawn(request, events) {
      if (closed) {
        process.nextTick(() => events.lost('the executor was closed'));
        return { signal() {}, credit() {} };
      }
      const connection = connect();
      const id = nextId;
      nextId = (nextId + 1) >>> 0 || 1;
      connection.live.set(id, { events, pid: 0 });
      connection.writer.spawn(id, request);
      return {
        signal(signal) {
          if (connection.live.has(id)) connection.writer.u32(FrameKind.signal, id, signal);
        },
        credit(bytes) {
          if (connection.live.has(id)) connection.writer.u32(FrameKind.credit, id, bytes);
        },
      };
    },
    warm() {
      if (!closed) connect();
    },
    ready: () => current?.ready,
    stats() {
      const connection = connect();
      return new Promise((resolve) => {
        connection.statsCalls.push(resolve);
        connection.writer.frame(FrameKind.stats, 0);
      });
    },
    async close() {
      closed = true;
      const connection = current;
      if (connection === undefined) return;
      (connection.child.stdio[3] as Socket).end();
      await connection.gone;
    },
  };
}

function receive({ live, statsCalls }: Connection, kind: number, id: number, body: Buffer): void {
  if (kind === FrameKind.stats) return statsCalls.shift()?.(JSON.parse(body.toString()));
  const program = live.get(id);
  if (program === undefined) return;
  switch (kind) {
    case FrameKind.started:
      program.pid = body.readUInt32LE(0);
      return;
    case FrameKind.stdout:
    case FrameKind.stderr: {
      const data = body.length < COPY_BELOW ? new Uint8Array(body) : body;
      return program.events.output(kind === FrameKind.stdout ? 'stdout' : 'stderr', data);
    }
    case FrameKind.exited:
      live.delete(id);
      return program.events.exited(decodeExit(body));
    case FrameKind.refused:
      live.delete(id);
      return program.events.refused(body.toString());
  }
}

/** What a spawner that was killed cannot do any more. */
function lose({ live }: Connection, message: string): void {
  const lost = [...live.values()];
  live.clear();
  for (const { pid } of lost) if (pid !== 0) killGroup(pid, 'SIGKILL');
  for (const { events } of lost) events.lost(message);
}

function compileCache(): Record<string, string> {
  const folder = process.env.NODE_COMPILE_CACHE;
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
