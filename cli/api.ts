import './light-headers.ts';
import { type Client, createClient } from '@connectrpc/connect';
import { FileService } from '../proto/gen/wiz/v1/files_pb.js';
import { ManagerService } from '../proto/gen/wiz/v1/managers_pb.js';
import { PipelineService } from '../proto/gen/wiz/v1/pipelines_pb.js';
import { RecordService } from '../proto/gen/wiz/v1/records_pb.js';
import { RunService } from '../proto/gen/wiz/v1/runs_pb.js';
import { note } from './output.ts';

/** The manager's API, and the end of its use. */
export interface Api {
  pipelines: Client<typeof PipelineService>;
  runs: Client<typeof RunService>;
  manager: Client<typeof ManagerService>;
  readonly files: Client<typeof FileService>;
  readonly records: Client<typeof RecordService>;
  /** Waits for the runs that the bundled manager owns; with handOver they go to a background manager instead. The first call
   *  counts. */
  close(options?: { handOver?: boolean }): Promise<void>;
  /** Who is told that runs have to wait (a full disk) and that they go on; by default stderr is. */
  onTrouble(tell: (text: string) => void): void;
}

export interface ApiOptions {
  /** The command will run something: an executor is started at once, beside everything else. */
  needsExecutor?: boolean;
  /** An executor that somebody else started. */
  executor?: { address: string; token: string };
}

/** Opens the manager that is bundled with the command line. */
export async function openApi(options: ApiOptions = {}): Promise<Api> {
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
  return {
    pipelines: createClient(PipelineService, manager.transport),
    runs: createClient(RunService, manager.transport),
    manager: createClient(ManagerService, manager.transport),
    // Made when first asked for: `wiz run` needs neither.
    get files() {
      return createClient(FileService, manager.transport);
    },
    get records() {
      return createClient(RecordService, manager.transport);
    },
    onTrouble(told) {
      tell = told;
    },
    close: (how) => (closing ??= manager.close(how)),
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
