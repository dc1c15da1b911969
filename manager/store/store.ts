import type { Event, ProcessorReused, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { JsonObject, JsonValue } from '../spec/spec.ts';
import type { AccessStore } from './access-store.ts';
import type { DeliveryStore, NewDelivery } from './deliveries.ts';
import type { ExecutorStore } from './executor-store.ts';
import type { LogStore } from './logs.ts';
import type { OwnershipStore } from './ownership-store.ts';
import type { NewSchedule, ScheduleStore } from './schedules.ts';

export type { ExecutorRow } from './executor-store.ts';
export type {
  CentreTerm,
  Command,
  LeaseRow,
  ManagerRole,
  ManagerRow,
  NewCommand,
} from './ownership-store.ts';

/**
 * What a manager keeps. One interface, one conformance suite, two implementations: SQLite for one machine, PostgreSQL
 * for several.
 *
 * The journal is the truth: events of a run, numbered from 1 without gaps, append-only. The rows of `runs`
 * are written in the same commit and are what lists read.
 *
 * A manager holds runs by lease. The lease of a run names its manager and an epoch that grows with each new
 * owner; a commit that carries an older epoch, or comes from another manager, stores nothing for that run.
 * Leases live as long as their manager's heartbeat.
 */
export interface Store extends AccessStore, OwnershipStore, ExecutorStore, DeliveryStore, ScheduleStore {
  // -- pipelines ---------------------------------------------------------------------------------------
  /** All or nothing, in one transaction; a spec equal to the newest version adds none. Versions count from 1
   *  and go on after a delete. With `dryRun` nothing is stored, and the answer is what would be. */
  applyPipelines(pipelines: NewPipeline[], nowMs: number, dryRun: boolean): Promise<AppliedVersion[]>;
  /** `version` 0 is the newest. Undefined when there is none or it was deleted. */
  getPipeline(name: string, version: number): Promise<PipelineVersion | undefined>;
  /** The newest version of each, by name. */
  listPipelines(): Promise<PipelineVersion[]>;
  /** Newest first. */
  listPipelineVersions(name: string): Promise<PipelineVersion[]>;
  /** Number of versions that are no longer offered (kept for the runs that used them); 0: no such pipeline. */
  deletePipeline(name: string, nowMs: number): Promise<number>;

  // -- runs and journal --------------------------------------------------------------------------------
  /** Stores the run with its first events, and what hooks are told of them, owned by `managerId`, or by nobody when null.
   *  Epoch starts at 1. The same again, as after an answer that was lost, does nothing. */
  createRun(
    run: RunRow,
    events: Event[],
    managerId: string | null,
    deliveries?: readonly NewDelivery[],
  ): Promise<void>;
  /** One transaction for all runs of a tick (group commit). A run that ends is owned by nobody from there on. Whoever
   *  got no answer commits again, the same events with more behind them: what the journal has already, stored by the
   *  same owner under the same epoch, is done and not stored twice. */
  commit(runs: RunCommit[], limits: LimitChanges): Promise<CommitResult>;
  getRun(runId: string): Promise<RunRow | undefined>;
  /** Runs whose id starts with the prefix, newest first; "latest" is the newest run. */
  findRuns(prefix: string, limit: number): Promise<RunRow[]>;
  listRuns(filter: RunFilter): Promise<RunRow[]>;
  /** Events with a greater number, in order, at most about `limit` (whole batches are returned). */
  readEvents(runId: string, afterSeq: number, limit: number): Promise<Event[]>;

  // -- cache -------------------------------------------------------------------------------------------
  /** Entries by key, those there are; keys whose run was deleted are not. */
  findCacheEntries(keys: string[]): Promise<Map<string, CacheEntry>>;
  /** Of each processor (or instance) the entry that the newest run made or used, by name; those there are. A pipeline that did not change finds all
   *  its results with one question, and one that did can tell what changed. */
  latestCacheEntries(pipeline: string, processors: string[]): Promise<Map<string, CacheEntry>>;
  /** Entries with this whole hash among the parts of their key, newest first. Reads all entries. */
  findCacheEntriesNaming(hash: string, limit: number): Promise<CacheEntry[]>;
  /** Hashes of files on disk that were taken before, by path. */
  getFileStamps(paths: string[]): Promise<Map<string, FileStamp>>;
  putFileStamps(stamps: FileStamp[]): Promise<void>;

  // -- files and records -------------------------------------------------------------------------------
  /** Links of runs to a hash (a whole one, or its beginning), newest run first. */
  findFileLinks(hash: string, limit: number): Promise<FileLink[]>;
  /** Links of one run (and one processor or instance of it), in the order they were written. */
  listFileLinks(runId: string, processor?: string): Promise<FileLink[]>;
  /** Links with the role `kept`, and with `made` those too, newest run first. */
  listKeptFiles(filter: KeptFilter): Promise<FileLink[]>;
  /** The newest run of the pipeline that has a link with the role `made` from this processor or instance, and of this
   *  name. */
  findRunThatMade(pipeline: string, processor: string, name: string): Promise<string | undefined>;
  /** Every hash that a run of the store refers to (but those `without`), and whether it is a folder. */
  referredHashes(without?: string[]): Promise<Map<string, boolean>>;
  listRecordTables(): Promise<RecordTable[]>;
  /**
   * One read-only statement over the views of the record tables. Throws WizError invalid_argument with what the
   * database says about it. `rows` are read as they are asked for, once; whoever does not read them to their end
   * returns their iterator, or aborts, which ends the query wherever it stands.
   */
  queryRecords(sql: string, signal?: AbortSignal): Promise<QueryResult>;
  /** Deletes runs that ended and that nobody goes on with, whole: journal, cache entries, links, records. Returns
   *  those that were deleted. With the epoch of a term of the centre only while that term lasts: throws WizError aborted
   *  when it is over. */
  deleteRuns(runIds: string[], centreEpoch?: number): Promise<string[]>;

  // -- executors (and executor-store.ts) ---------------------------------------------------------------
  /** What executors of a build publish about their processors, so that `apply` need not start one. */
  getCatalogue(build: string): Promise<string | undefined>;
  putCatalogue(build: string, json: string): Promise<void>;

  // ----------------------------------------------------------------------------------------------------
  /** The logs of attempts, which are kept in the store, or in the state folder when only this machine uses it. To be
   *  closed before the store. */
  openLogs(home: string): LogStore;
  /** Tells what others have changed, soon after they did: never too little, perhaps too much. What this store changed
   *  itself is not told. */
  watchChanges(listener: (change: Change) => void): ChangeWatch;
  close(): Promise<void>;
}

export type Change =
  /** Anything may have changed. */
  | { kind: 'any' }
  /** These runs have been committed to, created or deleted. */
  | { kind: 'runs'; runIds: string[] }
  /** There are commands for somebody. */
  | { kind: 'commands' }
  /** A manager has come or gone, or there are runs or leases that nobody holds. */
  | { kind: 'ownership' };

export interface ChangeWatch {
  /** Whether waiting for changes keeps the process alive, as with timers; at first it does not. */
  ref(): void;
  unref(): void;
  close(): void;
}

export interface NewPipeline {
  name: string;
  /** PipelineSpec as JSON with sorted keys; what equality is decided on. */
  specJson: string;
  source: string;
  baseDir: string;
  description: string;
  labels: Record<string, string>;
  processorCount: number;
  /** They take the place of those of the version before. */
  schedules?: NewSchedule[];
}

export interface PipelineVersion extends Omit<NewPipeline, 'schedules'> {
  version: number;
  createdMs: number;
}

export interface AppliedVersion {
  name: string;
  version: number;
  /** The newest version before; undefined when the pipeline is new. */
  before: PipelineVersion | undefined;
  changed: boolean;
}

export interface RunRow {
  runId: string;
  pipeline: string;
  version: number;
  state: RunState;
  reason: string;
  message: string;
  createdMs: number;
  /** 0 while it goes on. */
  endedMs: number;
  labels: Record<string, string>;
  paramsJson: string;
  idle: number;
  running: number;
  failed: number;
  succeeded: number;
  warnings: string[];
  cancelRequested: boolean;
  /** Number of the last event. */
  seq: number;
  /** Null when nobody owns it. Written by claim and release only, never by commit. */
  managerId: string | null;
  epoch: number;
}

export interface RunCommit {
  /** The row as it is after the events; `managerId` and `epoch` are the fence. Pipeline, version, creation
   *  time, labels and parameters are those of createRun: not written again. When the state is not Running, the
   *  limits that are held for the run are released. */
  row: RunRow;
  /** Numbers go on from the last commit. */
  events: Event[];
  /** Written in the same transaction. Of entries with the same key the last stands. */
  cacheEntries?: CacheEntry[];
  /** Keys whose entries the run has used: they are the run's from here on, and go when it goes. */
  reusedKeys?: string[];
  /** With links that are `kept`, those the run had before are no more. */
  fileLinks?: FileLink[];
  /** Takes the place of what the run had recorded before. See checkRecords: what it refuses, commit refuses. */
  records?: NewRecords[];
  /** What hooks are told of these events. One that is there already stays as it is. */
  deliveries?: NewDelivery[];
}

/** The result of an attempt, kept under what it depends on. */
export interface CacheEntry {
  key: string;
  pipeline: string;
  /** Name of the processor or instance. */
  processor: string;
  /** The newest run that made or used it; with that run it goes. Who made it is in `result`. */
  runId: string;
  createdMs: number;
  /** As the event that reuses it has it. */
  result: ProcessorReused;
}

/** The hash of a file on disk, and what the file looked like when it was taken. */
export interface FileStamp {
  path: string;
  size: number;
  /** Nanoseconds since 1970, as decimal text. */
  mtimeNs: string;
  ctimeNs: string;
  inode: string;
  hash: string;
}

/** That a run refers to a file. */
export interface FileLink {
  hash: string;
  runId: string;
  pipeline: string;
  /** Name of the processor or instance. */
  processor: string;
  attempt: number;
  /** made: left in WIZ_FILES. value: an output that is a file for its size. used: given to the attempt. kept: an output
   *  file of the run. */
  role: 'made' | 'value' | 'used' | 'kept';
  /** Name below the processor; of a kept one the path it is kept under. */
  name: string;
  size: number;
  folder: boolean;
  mediaType: string;
  createdMs: number;
  /** Of what was reused: the run and attempt that made it; empty and 0 otherwise. `attempt` is 0 then. */
  originRunId: string;
  originAttempt: number;
}

export interface KeptFilter {
  pipeline?: string;
  path?: string;
  made?: boolean;
  limit: number;
}

export interface NewRecords {
  table: string;
  processor: string;
  rows: JsonObject[];
}

/** Names as queries use them. A column whose name another one has (in another case, or one of the four that every
 *  table has) is called `name_2`. */
export interface RecordTable {
  name: string;
  columns: { name: string; type: ColumnType }[];
  rows: number;
}

/** What was written to a column; mixed when rows differ, or only null was. */
export type ColumnType = 'integer' | 'number' | 'text' | 'boolean' | 'json' | 'mixed';

export interface QueryResult {
  columns: string[];
  /** Columns of type json are JSON values and booleans true or false, as long as a result column is the column
   *  itself; integers beyond 2^53 are text. */
  rows: AsyncIterable<JsonValue[]>;
}

/** Holders of concurrency limits that come and go with a commit. Counts are always those of the rows. */
export interface LimitChanges {
  acquire: { key: string; holder: string; runId: string }[];
  release: { key: string; holder: string }[];
  /** Most holders of each key that is acquired. */
  max: Record<string, number>;
}

export interface CommitResult {
  /** Runs of the commit that another manager owns now; nothing was stored for them. */
  fenced: string[];
  /** Keys that would have had more holders than allowed: nothing at all was stored. */
  exceeded: string[];
}

export interface RunFilter {
  pipeline?: string;
  states?: RunState[];
  limit: number;
  /** Only runs with a smaller id: the last one of the page before. */
  beforeRunId?: string;
}
