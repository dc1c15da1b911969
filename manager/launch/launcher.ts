import type { ExecutorRow } from '../store/store.ts';

/** How a manager gets executors: local processes, those that are registered, given addresses; Kubernetes pods later. */
export interface Launcher {
  /** Executors see the same files on disk as this process. */
  readonly isLocal: boolean;
  /** It starts executors; one of them is kept as long as the manager lives, also without work. */
  readonly starts: 'nothing' | 'when-needed' | 'always';
  /** Executors that can be connected to now: warm ones that fit, or new ones, and others that are there. Rejects with
   *  WizError unavailable, with the end of the executor's own log, when one cannot be started. */
  ensure(): Promise<ExecutorRow[]>;
  /** Told what the store has, whenever that was read. Returns those to which there is to be a session at any time. */
  present(rows: ExecutorRow[]): ExecutorRow[];
  /** Before a session: who is at the address of that row. Undefined: there is nobody any more who may be called. */
  meet(executor: ExecutorRow): Promise<ExecutorRow | undefined>;
  /** An executor's session broke. Settles whether it still lives. When it is gone, ends whatever its programs
   *  left behind before it answers 'gone', so that a retry does not run beside them. */
  inspect(executor: ExecutorRow): Promise<'alive' | 'gone'>;
  /** Asks executors to end: those that work are left alone unless forced. */
  stop(executors: ExecutorRow[], force: boolean): Promise<{ stopped: string[]; busy: string[] }>;
  /** What this build's processors are, as JSON of ProcessorType messages. */
  catalogue(): Promise<string>;
  close(): Promise<void>;
}
