import assert from 'node:assert/strict';
import { type CallOptions, type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { clientSockets } from '../manager/api/http/client-sockets.fixture.ts';
import { AccessService } from '../proto/gen/wiz/v1/access_pb.js';
import { type Event, RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { FileService } from '../proto/gen/wiz/v1/files_pb.js';
import { HookService } from '../proto/gen/wiz/v1/hooks_pb.js';
import { ManagerService } from '../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../proto/gen/wiz/v1/runs_pb.js';
import type { Ended, Place, Started } from './e2e/place.ts';

/** `wiz manager serve` on a test's place, in a process of its own. The place ends it when the test forgets to. */
export interface Daemon {
  /** http(s)://host:port; empty when it serves no API. */
  readonly url: string;
  readonly pid: number;
  readonly process: Started;
  /** Its API, over one connection, as an admin. */
  readonly api: DaemonApi;
  /** Another connection, as an admin too unless a token is given. */
  connect(options?: ConnectOptions): DaemonApi;
  /** Asks it to end (SIGTERM), and waits for that; it must end with 0. */
  stop(): Promise<Ended>;
  /** kill -9. */
  kill(): Promise<void>;
  /** It stands still, and goes on. */
  freeze(): void;
  thaw(): void;
}

export interface DaemonApi {
  readonly runs: Client<typeof RunService>;
  readonly pipelines: Client<typeof PipelineService>;
  readonly manager: Client<typeof ManagerService>;
  readonly files: Client<typeof FileService>;
  readonly records: Client<typeof RecordService>;
  readonly hooks: Client<typeof HookService>;
  readonly access: Client<typeof AccessService>;
  /** Ends the connection: a test's process must not be kept by it. */
  close(): void;
}

export interface DaemonOptions {
  /** Of `wiz manager serve`, after `--port 0`. */
  args?: string[];
  env?: Record<string, string | undefined>;
  cwd?: string;
}

export interface ConnectOptions {
  /** Sent as a bearer token; empty: no credential is sent. */
  token?: string;
  /** PEM of the authority that its certificate is checked against. */
  authority?: string;
}

/** Opens every daemon of the tests. */
export const ADMIN_TOKEN = 'bootstrap-token-of-the-daemons-of-tests';

/** Resolves when it serves. */
export async function startDaemon(place: Place, options: DaemonOptions = {}): Promise<Daemon> {
  const { args = [], env, ...rest } = options;
  const started = place.start(['manager', 'serve', '--port', '0', ...args], {
    ...rest,
    env: { WIZ_BOOTSTRAP_TOKEN: ADMIN_TOKEN, ...env },
  });
  const [, url = ''] = await started.says(/serving (?:at ([^\s"]+)|runs)/);
  const { child } = started;
  const connections = new Set<DaemonApi>();
  const destroySockets = clientSockets(Number(url && new URL(url).port));
  let first: DaemonApi | undefined;
  const connect: Daemon['connect'] = (how) => {
    const api = connectTo(url, { token: ADMIN_TOKEN, ...how });
    connections.add(api);
    return api;
  };
  void started.ended.then(() => {
    for (const api of connections) api.close();
    destroySockets();
  });
  return {
    url,
    pid: child.pid!,
    process: started,
    get api() {
      first ??= connect();
      return first;
    },
    connect,
    async stop() {
      child.kill('SIGTERM');
      const ended = await started.ended;
      assert.equal(ended.code, 0, `wiz manager serve, stopped\n${ended.stdout}${ended.stderr}`);
      return ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await started.ended;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}

/** A client of an API at a URL. */
export function connectTo(url: string, { token, authority }: ConnectOptions = {}): DaemonApi {
  const sessionManager = new Http2SessionManager(url, undefined, authority ? { ca: authority } : undefined);
  const named: Interceptor = (next) => (request) => {
    if (token) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: url, sessionManager, interceptors: [named] });
  return {
    runs: createClient(RunService, transport),
    pipelines: createClient(PipelineService, transport),
    manager: createClient(ManagerService, transport),
    files: createClient(FileService, transport),
    records: createClient(RecordService, transport),
    hooks: createClient(HookService, transport),
    access: createClient(AccessService, transport),
    close: () => sessionManager.abort(),
  };
}

/** Starts a run of a pipeline file with this text, whose relative paths are those of the place; its id. */
export async function startRun(
  api: DaemonApi,
  place: Place,
  text: string,
  options?: CallOptions,
): Promise<string> {
  const value = { path: 'given.yaml', content: Buffer.from(text), baseDir: place.folder };
  const { run } = await api.runs.startRun({ target: { case: 'file', value } }, options);
  return run!.runId;
}

/** Every event of a run, in order, until it has ended; and its last state. */
export async function watchToEnd(
  api: DaemonApi,
  runId: string,
): Promise<{ events: Event[]; state: RunState }> {
  const events: Event[] = [];
  for await (const response of api.runs.watchRun({ runId })) events.push(...response.events);
  const last = events.at(-1)?.event;
  return { events, state: last?.case === 'runEnded' ? last.value.state : RunState.RUNNING };
}
