import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { FileStoreAddress } from '../files/file-store.ts';
import { WizError } from '../proto/error.ts';
import { wizHome } from '../proto/home.ts';
import type { Log } from '../proto/log.ts';
import { isLocalAddress } from '../proto/loopback.ts';
import type { Spans } from '../proto/spans.ts';
import { WIZ_VERSION } from '../proto/version.ts';
import type { DataRooms } from './data/data-rooms.ts';
import type { FileExchange } from './files/file-exchange.ts';
import type { AttemptRequest, AttemptSink } from './program/attempt.ts';
import type { ProgramRunner } from './program/runner.ts';
import type { Executor } from './session/executor.ts';

export interface RunOptions {
  /** unix:/path or host:port (port 0: any free one). Default: a socket in `home`. */
  listen?: string;
  /** What every call must carry. */
  token: string;
  /** Programs at once. Default: twice the processors there are, at least 4. */
  slots?: number;
  /** Default: drawn at random. */
  id?: string;
  /** Folder of this executor alone, for sockets and logs on their way. Default: executors/ID in the state folder, which
   *  goes with it. */
  home?: string;
  /** Folder of the runs' staging folders, DIR/RUN/ID; what is left in it when the executor ends stays there. Default: one
   *  in `home`, which goes with the executor. */
  staging?: string;
  /** The file store; whoever gave it clears it up. Default: a folder in `home`, which goes with the executor. */
  files?: FileStoreAddress;
  /** Milliseconds without sessions and work until it ends; 0 is never. Default 30,000. */
  warmMs?: number;
  /** Milliseconds without a session until it ends the work it has; 0 is never. Default 300,000. */
  orphanMs?: number;
  tls?: { certificate: Buffer; key: Buffer; clientAuthority?: Buffer };
  /** Allows a network address without TLS: something in front of it has it, or the network is trusted. */
  insecure?: boolean;
  /** Ids of executors that died here: what is left of their programs is killed first. */
  sweep?: string[];
  /** By default nothing is logged. */
  log?: Log | undefined;
  /** Where spans go; by default none are made. */
  spans?: Spans | undefined;
  /** Program file of the spawner. Default: the source file; a bundle has to give its own. */
  spawnerEntry?: string;
}

export interface RunningExecutor extends Executor {
  readonly id: string;
  readonly slots: number;
}

const DEFAULT_WARM_MS = 30_000;
const DEFAULT_ORPHAN_MS = 5 * 60_000;

/** Serves until stopped or expired; `ended` settles after its programs are gone. Rejects with WizError. */
export async function runExecutor(options: RunOptions): Promise<RunningExecutor> {
  // Launchers give one; only who starts an executor by hand waits the 5 ms that the library takes to load.
  const id = options.id ?? (await import('../proto/ids.ts')).newId();
  const home = resolve(options.home ?? join(wizHome(process.env), 'executors', id));
  const listen = options.listen ?? `unix:${join(home, 'socket')}`;
  const slots = options.slots ?? Math.max(4, 2 * availableParallelism());
  refuseOpenNetwork(listen, options);

  // The spawner starts while gRPC is loaded.
  const environment = programEnvironment();
  const [{ data, exchange }, { createProgramRunner }] = await Promise.all([
    openDataRooms(id, home, environment, options),
    import('./program/runner.ts'),
  ]);
  const programs = createProgramRunner({
    executorId: id,
    folder: join(home, 'programs'),
    data,
    spawner: { entry: options.spawnerEntry },
    environment,
  });
  programs.warm();
  try {
    const [{ startExecutor }, { collectUnused }, { startCall }, { describeProcessors, takesSlot }] =
      await Promise.all([
        import('./session/executor.ts'),
        import('./files/collect-unused.ts'),
        import('./processors/call.ts'),
        import('./processors/catalogue.ts'),
        sweep(options.sweep),
      ]);
    const traced = await tracing(options.spans, id);
    const executor = await startExecutor({
      address: listen,
      token: options.token,
      tls: options.tls,
      id,
      version: WIZ_VERSION,
      slots,
      home,
      warmMs: options.warmMs ?? DEFAULT_WARM_MS,
      orphanMs: options.orphanMs ?? DEFAULT_ORPHAN_MS,
      files: exchange,
      programs: { start: traced(programs.start) },
      calls: {
        start: traced((request: AttemptRequest, sink: AttemptSink) => startCall(request, sink, data)),
        takesSlot,
        describe: describeProcessors,
      },
      log: options.log,
      // What cannot be removed stays where its owner can see it.
      runEnded: (runId, keep) => void data.staging.end(runId, keep).catch(() => {}),
    });
    const isOwnStore = options.files === undefined;
    const stopCollecting = isOwnStore ? collectUnused(data.files.store, executor.heldFiles) : () => {};
    const ended = executor.ended.finally(async () => {
      stopCollecting();
      await close(programs, data);
      if (isOwnStore) await rm(ownStore(home), { recursive: true, force: true });
      // Whoever names a folder looks after it; this one was chosen here.
      if (options.home === undefined) await rm(home, { recursive: true, force: true });
    });
    return { ...executor, ended, id, slots };
  } catch (error) {
    await close(programs, data);
    throw error;
  }
}

/** Wraps what starts attempts. */
async function tracing(spans: Spans | undefined, executorId: string) {
  if (spans === undefined) return <Start>(start: Start): Start => start;
  const { tracingAttempts } = await import('./observe/attempt-spans.ts');
  return tracingAttempts(spans, executorId);
}

async function openDataRooms(
  executorId: string,
  home: string,
  environment: NodeJS.ProcessEnv,
  { staging, files = `folder:${ownStore(home)}` }: RunOptions,
): Promise<{ data: DataRooms; exchange: FileExchange }> {
  const [{ openFileStore }, { createFileExchange }, { createLocalFiles }, { createDataRooms }] =
    await Promise.all([
      import('../files/open-file-store.ts'),
      import('./files/file-exchange.ts'),
      import('./files/local-files.ts'),
      import('./data/data-rooms.ts'),
    ]);
  const store = await openFileStore(files, { environment });
  const exchange = createFileExchange(store);
  const data = createDataRooms({
    executorId,
    environment,
    files: createLocalFiles(store, exchange.transfer),
    staging:
      staging === undefined
        ? { folder: join(home, 'runs'), own: true }
        : { folder: resolve(staging), own: false },
  });
  return { data, exchange };
}

function ownStore(home: string): string {
  return join(home, 'files');
}

async function close(programs: ProgramRunner, { staging, files }: DataRooms): Promise<void> {
  await programs.close();
  await staging.close();
  await files.store.close();
}

async function sweep(ids: string[] | undefined): Promise<void> {
  if (ids === undefined || ids.length === 0) return;
  const { sweepLeftovers } = await import('./program/sweep.ts');
  await sweepLeftovers(ids);
}

/** What programs inherit; the token is not theirs. */
function programEnvironment(): NodeJS.ProcessEnv {
  const { WIZ_EXECUTOR_TOKEN, ...environment } = process.env;
  return environment;
}

function refuseOpenNetwork(listen: string, { tls, insecure }: RunOptions): void {
  if (isLocalAddress(listen) || tls !== undefined || insecure) return;
  if (!listen.includes(':')) {
    throw new WizError('invalid_argument', `--listen ${listen} is neither unix:/path nor host:port.`);
  }
  throw new WizError(
    'invalid_argument',
    `--listen ${listen} can be reached from other machines, and the token would be sent in the clear. Give --tls-cert and --tls-key, or say --insecure when something in front of it has TLS.`,
  );
}
