/** The executors that managers of the store know, whoever started them. */
export interface ExecutorStore {
  /** Inserts, or writes all of it again. */
  putExecutor(executor: ExecutorRow): Promise<void>;
  removeExecutor(executorId: string): Promise<void>;
  listExecutors(): Promise<ExecutorRow[]>;
  /** Inserts one whose launcher is `registered`. Returns the row that is in its way, of the same id, name or address; nothing is
   *  stored then. A row of the same id that was only `remote` gives way. */
  registerExecutor(executor: ExecutorRow): Promise<ExecutorRow | undefined>;
  /** Marks a registered one as draining since then, or with 0 as not. False when there is none. */
  drainExecutor(executorId: string, drainingMs: number): Promise<boolean>;
  /** Another process answers at the address of a registered one: the registration is its own from here on, under its id. False
   *  when there is no such registration any more, or one of the new id is there. */
  replaceExecutor(executorId: string, process: ExecutorProcess): Promise<boolean>;
}

/** What changes when an executor is started again. */
export interface ExecutorProcess {
  executorId: string;
  /** Of the machine it runs on, as it tells; empty when it was not asked. */
  hostname: string;
  /** Where `pid` means its process, as of a manager; empty when nobody knows. */
  machine: string;
  /** 0 is unknown. */
  pid: number;
  /** 0: of another machine, or unknown. */
  pidStart: number;
  version: string;
  slots: number;
  startedMs: number;
}

export interface ExecutorRow extends ExecutorProcess {
  /** local: started by wiz. remote: given to a command. registered: added by somebody, and used by every manager. */
  launcher: 'local' | 'remote' | 'registered';
  /** unix:/path or host:port */
  address: string;
  token: string;
  /** Null is clear text. */
  tls: ExecutorTlsRow | null;
  /** Hash of the environment it was started with: a run is given only an executor whose environment is its
   *  caller's. Of local ones. */
  environmentHash: string;
  /** Of a registered one; empty otherwise. */
  name: string;
  labels: Record<string, string>;
  /** Since when it is to take nothing new; 0 when it is not. */
  drainingMs: number;
}

/** What a connection is checked against, and shows. PEM. */
export interface ExecutorTlsRow {
  /** Trusted authorities; absent is the well-known ones. */
  authority?: string;
  /** The name that the certificate must have; absent is the host of the address. */
  serverName?: string;
  certificate?: string;
  key?: string;
}
