/** The part of a store by which managers know of each other: who lives, who holds what, and what they send each other. */
export interface OwnershipStore {
  // -- managers and ownership --------------------------------------------------------------------------
  /** Inserts or renews; the manager and all it holds are valid until `expiresMs`. False when it was not there: it is
   *  new, or was taken for dead and what it held was freed. */
  heartbeat(manager: ManagerRow): Promise<boolean>;
  listManagers(): Promise<ManagerRow[]>;
  /** Removes the manager and frees every lease it holds; its runs belong to nobody. Limits of its runs stay with these;
   *  those that it reserved, as MANAGER#…, and no run has are freed. With `heartbeatMs` only while that
   *  is still its last heartbeat; returns whether it was removed. */
  removeManager(managerId: string, heartbeatMs?: number): Promise<boolean>;
  /** Takes unfinished runs that nobody owns, or whose manager is not in `living`, oldest first; each gets epoch + 1. With
   *  `shards` only runs of these, see shard.ts. */
  claimRuns(
    managerId: string,
    living: string[],
    limit: number,
    shards?: number[],
  ): Promise<{ runId: string; epoch: number }[]>;
  /** How many runs claimRuns would take. */
  countOrphans(living: string[]): Promise<number>;
  /** Takes one run, finished or not, if nobody living owns it. Undefined when somebody does. One's own run keeps
   *  its epoch. */
  claimRun(runId: string, managerId: string, living: string[]): Promise<{ epoch: number } | undefined>;
  /** Gives runs back, so that another manager may claim them. */
  releaseRuns(managerId: string, runIds: string[]): Promise<void>;
  /** Runs that the manager has the lease of, by id. */
  ownedRuns(managerId: string): Promise<{ runId: string; epoch: number }[]>;
  /** Makes the manager the centre, unless one that is in `living` is. Each new term has a greater epoch, for ever; whoever
   *  is it already keeps its own. Undefined when another is. */
  claimCentre(managerId: string, living: string[], nowMs: number): Promise<{ epoch: number } | undefined>;
  /** Ends its term, if it has one. */
  releaseCentre(managerId: string): Promise<void>;
  /** Who is the centre; undefined when nobody is. */
  getCentre(): Promise<CentreTerm | undefined>;

  // -- leases with a name of their own (launching, the background manager) -----------------------------
  /** True when `holder` has it now, for `expiresMs - nowMs` from now on: it was free, its own, or expired. A store that
   *  machines share counts by its own clock, and `listLeases` tells times on the clock of whoever asks: one whose clock is
   *  ahead takes nothing from others. */
  acquireLease(kind: string, key: string, holder: string, nowMs: number, expiresMs: number): Promise<boolean>;
  releaseLease(kind: string, key: string, holder: string): Promise<void>;
  listLeases(kind: string): Promise<LeaseRow[]>;

  // -- commands for runs that another manager owns ------------------------------------------------------
  /** Throws WizError not_found when there is no such run, failed_precondition when it has ended; what was sent
   *  and not taken before the end goes with it. */
  sendCommand(command: NewCommand): Promise<void>;
  /** Commands for runs that `managerId` owns, oldest first. They stay until they are removed: whoever takes the run
   *  over before the journal has them reads them again. */
  readCommands(managerId: string): Promise<Command[]>;
  removeCommands(ids: number[]): Promise<void>;
}

export interface ManagerRow {
  managerId: string;
  kind: 'cli' | 'background' | 'daemon';
  pid: number;
  /** Start of the process in clock ticks since boot, so that a reused pid is not taken for it; 0 unknown. */
  pidStart: number;
  hostname: string;
  /** Where `pid` means this process: a machine since its last start, or a container on it. */
  machine: string;
  startedMs: number;
  /** Another one with each heartbeat. */
  heartbeatMs: number;
  expiresMs: number;
  /** api: answers callers. runs: owns runs. */
  roles: ManagerRole[];
  /** About to leave: it is given no runs. */
  draining: boolean;
  /** Where its API is; empty when it serves none, or only its own process. */
  url: string;
  /** Runs that it goes on with. */
  runs: number;
  /** Attempts that it has on each executor, where there are any. */
  loads: Record<string, number>;
}

export type ManagerRole = 'api' | 'runs';

export interface CentreTerm {
  managerId: string;
  epoch: number;
  startedMs: number;
}

export interface LeaseRow {
  kind: string;
  key: string;
  holder: string;
  expiresMs: number;
}

export interface NewCommand {
  runId: string;
  kind: 'cancel';
  message: string;
}

export interface Command extends NewCommand {
  id: number;
}
