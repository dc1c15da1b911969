import type { FileStore } from '../files/file-store.ts';
import type { Connect } from './dispatch/session.ts';
import type { HookSettings } from './hooks/hooks.ts';
import type { Launcher } from './launch/launcher.ts';
import type { Log } from './observe/log.ts';
import type { Observer } from './observe/observer.ts';
import type { RetentionPolicy } from './retention.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** What a manager is made of. */
export interface ManagerOptions {
  home: string;
  kind: ManagerRow['kind'];
  roles: ManagerRow['roles'];
  /** Drawn by default. */
  managerId?: string | undefined;
  store: Store;
  files: FileStore;
  launcher: Launcher;
  connect: Connect;
  environment: NodeJS.ProcessEnv;
  wizEntry: string[];
  /** Most attempts at once over all managers of the store; undefined is no limit. */
  globalLimit: number | undefined;
  /** Milliseconds that an executor elsewhere may be away before what it runs is lost. */
  executorGraceMs?: number | undefined;
  /** Which runs are deleted by themselves, once a day. */
  retention: RetentionPolicy;
  log: Log;
  /** Told what happens, in a daemon and where a collector of traces is named. */
  observer?: Observer | undefined;
  hooks: HookSettings;
  /** Told when runs have to wait because something cannot be written, and with undefined when they go on. */
  onTrouble?: ((error: Error | undefined) => void) | undefined;
}
