import type { ExecutorRow } from '../store/store.ts';

/** How a manager gets executors. Local processes and given addresses now; Kubernetes pods later. */
export interface Launcher {
  /** Executors see the same files on disk as this process. */
  readonly isLocal: boolean;
  /** Executors that can be connected to now: warm ones that fit, or new ones. Rejects with WizError
   *  unavailable, with the end of the executor's own log, when one cannot be started. */
  ensure(): Promise<ExecutorRow[]>;
  /** An executor's session broke. Settles whether it still lives. When it is gone, ends whatever its programs
   *  left behind before it answers 'gone', so that a retry does not run beside them. */
  inspect(executor: ExecutorRow): Promise<'alive' | 'gone'>;
  /** Asks executors to end: those that work are left alone unless forced. */
  stop(executors: ExecutorRow[], force: boolean): Promise<{ stopped: string[]; busy: string[] }>;
  /** What this build's processors are, as JSON of ProcessorType messages. */
  catalogue(): Promise<string>;
  close(): Promise<void>;
}
