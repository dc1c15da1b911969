import './light-headers.ts';
import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { FileService } from '../proto/gen/wiz/v1/files_pb.js';
import { ManagerService } from '../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../proto/gen/wiz/v1/runs_pb.js';
import { type Chosen, choosePlace, type Place } from './contexts/choose.ts';
import { note } from './output.ts';
import { type CommandTrace, commandTrace } from './trace.ts';
import { UsageError } from './usage.ts';

/** The manager's API, and the end of its use. */
export interface Api {
  pipelines: Client<typeof PipelineService>;
  runs: Client<typeof RunService>;
  manager: Client<typeof ManagerService>;
  readonly files: Client<typeof FileService>;
  readonly records: Client<typeof RecordService>;
  /** A client of any other service. */
  client<Service extends DescService>(service: Service): Client<Service>;
  /** Which manager it is. */
  readonly place: Place;
  /** Who goes on with runs that this process leaves, in words. */
  readonly keeper: string;
  /** Waits for the runs that the bundled manager owns; with handOver they go to a background manager instead. Those of a
   *  daemon are its own. The first call counts. */
  close(options?: { handOver?: boolean; error?: Error | undefined }): Promise<void>;
  /** Who is told that runs have to wait (a full disk) and that they go on, or that a daemon does not answer and that it does
   *  again; by default stderr is. */
  onTrouble(tell: (text: string) => void): void;
}

export interface ApiOptions {
  /** The command will run something: an executor is started at once, beside everything else. */
  needsExecutor?: boolean;
  /** An executor that somebody else started. */
  executor?: { address: string; token: string } | undefined;
  /** Which command it is, for traces. */
  command?: string;
  /** Flags that name a manager. */
  chosen?: Chosen;
  /** The manager itself, however flags and environment are. */
  place?: Place;
  /** Nothing is tried twice when a daemon does not answer. */
  impatient?: boolean;
  /** Nothing is said on standard error. */
  quiet?: boolean;
}

/** Opens the manager that is bundled with the command line, or a daemon's API. Throws UsageError and WizError. */
export async function openApi(options: ApiOptions = {}): Promise<Api> {
  const place = options.place ?? choosePlace(options.chosen ?? {}, process.env);
  const trace = await commandTrace(options.command ?? '', process.env);
  if (place.kind === 'bundled') return openBundled(place, options, trace);
  if (options.executor !== undefined) {
    throw new UsageError(
      `--executor is for the bundled manager, and ${place.from} names the daemon at ${place.url}`,
      'Executors of a daemon are its own: wiz executor list. For the bundled one add --manager bundled.',
    );
  }
  // Loaded when it is needed: it takes longer than all else of a start.
  const { openRemote } = await import('./remote/open.ts');
  const { impatient = false, quiet = false } = options;
  return openRemote(place, { impatient, quiet, trace });
}

async function openBundled(place: Place, options: ApiOptions, trace: CommandTrace | undefined): Promise<Api> {
  const { openBundledManager } = await import('../manager/index.ts');
  let tell = (text: string) => note(`wiz: ${text}`);
  const manager = await openBundledManager({
    onTrouble: (error) => tell(troubleWords(error)),
    kind: 'cli',
    environment: process.env,
    executor: options.executor,
    needsExecutor: options.needsExecutor ?? false,
    wizEntry: wizEntry(),
  });
  let closing: Promise<void> | undefined;
  return apiOver(manager.transport, trace, {
    place,
    keeper: 'a background manager',
    onTrouble(told) {
      tell = told;
    },
    close: (how) => (closing ??= manager.close(how)),
  });
}

/** `trace`: every call is a part of it, and it ends with the API. */
export function apiOver(
  transport: Transport,
  trace: CommandTrace | undefined,
  rest: Pick<Api, 'place' | 'keeper' | 'onTrouble' | 'close'>,
): Api {
  const traced = trace?.on(transport) ?? transport;
  const client = <Service extends DescService>(service: Service) => createClient(service, traced);
  return {
    ...rest,
    close: (how) => rest.close(how).finally(() => trace?.end(how?.error)),
    client,
    pipelines: client(PipelineService),
    runs: client(RunService),
    manager: client(ManagerService),
    // Made when first asked for: `wiz run` needs neither.
    get files() {
      return client(FileService);
    },
    get records() {
      return client(RecordService);
    },
  };
}

/** Without an error the trouble is over. */
export function troubleWords(error: Error | undefined): string {
  return error ? `Runs wait. ${error.message}` : 'Runs go on.';
}

/** What starts this wiz again, for the background manager. */
export function wizEntry(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1]!];
}
