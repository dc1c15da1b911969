import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  Load,
  LogChunk,
  ProgressReport,
  Refusal,
  RunAttempts,
  RunReports,
  SessionRequestSchema,
  Welcome,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Dial } from './dial.ts';

/** The manager's end of one executor session. */
export interface ExecutorSession {
  readonly executorId: string;
  readonly slots: number;
  /** Sends a batch; what is sent in one turn of the event loop may be joined into one message. */
  send(batch: MessageInitShape<typeof SessionRequestSchema>): void;
  /** Ends the stream; the executor goes on with what it has. Resolves when it has taken all that was sent, or will not. */
  close(): Promise<void>;
}

/** What comes from an executor; called in the order of arrival, never before `connect` has resolved. */
export interface SessionHandlers {
  reports(executorId: string, reports: RunReports[]): void;
  logs(executorId: string, chunks: LogChunk[]): void;
  progress(executorId: string, progress: ProgressReport[]): void;
  refusals(executorId: string, refusals: Refusal[]): void;
  /** Objects that it wants and does not have. */
  wanted(executorId: string, hashes: string[]): void;
  /** At every heartbeat; and what is there of runs that no session has named. */
  load(executorId: string, load: Load, unclaimed: RunAttempts[]): void;
  /** The stream is gone, or nothing came for three heartbeats. Called once. */
  broken(executorId: string, cause: Error): void;
}

export interface ConnectOptions extends Dial {
  managerId: string;
  /** Runs this manager has attempts of there. */
  runs: { runId: string; epoch: number }[];
  handlers: SessionHandlers;
  /** Milliseconds for the connection and the welcome; 5,000 by default. */
  timeoutMs?: number;
}

export type Connect = (options: ConnectOptions) => Promise<{ session: ExecutorSession; welcome: Welcome }>;
