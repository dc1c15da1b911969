import type { FileStore } from '../../files/file-store.ts';
import type { Loop } from '../engine/loop.ts';
import type { Launcher } from '../launch/launcher.ts';
import type { Log } from '../observe/log.ts';
import type { LogStore } from '../store/logs.ts';
import type { ExecutorRow } from '../store/store.ts';
import type { Connect } from './session.ts';
import type { UnclaimedGround } from './unclaimed.ts';

/** What a fleet is made of and works for. */
export interface FleetOptions {
  managerId: string;
  loop: Loop;
  launcher: Launcher;
  connect: Connect;
  logs: LogStore;
  /** Files of executors with another store come here before their reports count. */
  files: FileStore;
  /** Rows of all executors of the store, whoever launched them. */
  listExecutors(): Promise<ExecutorRow[]>;
  getRun: UnclaimedGround['getRun'];
  keepsStaging: UnclaimedGround['keepsStaging'];
  /** Milliseconds after which an executor elsewhere that answers and cannot be joined is gone; 30,000 by default. */
  graceMs?: number | undefined;
  /** No executor could be had after all tries; undefined: there is one now. */
  failed(error: Error | undefined): void;
  /** A log cannot be written; it is tried again. Undefined: it works again. */
  logsFailing(error: Error | undefined): void;
  /** A file cannot be stored; it is tried again. Undefined: it works again. */
  filesFailing(error: Error | undefined): void;
  log: Log;
}
