import type { FileStore } from '../../files/file-store.ts';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { AttemptName, Loop, Outgoing } from '../engine/loop.ts';
import { forEachRunning, type RunMachine } from '../engine/run.ts';
import type { Launcher } from '../launch/launcher.ts';
import type { Log } from '../observe/log.ts';
import type { LogStore } from '../store/logs.ts';
import type { ExecutorRow } from '../store/store.ts';
import { openFileCalls } from './file-calls.ts';
import { createFileTransfer } from './file-transfer.ts';
import { createLogIntake } from './log-intake.ts';
import type { Connect, ExecutorSession, SessionHandlers } from './session.ts';

/**
 * The executors of one manager, and the sessions to them.
 *
 *   wanted --ensure--> connecting --welcome--> joined --stream broken--> suspended
 *                          ^                                                |
 *                          +------------- alive (tried again) --------------+
 *                                                                           |
 *                                           gone: its attempts are lost, and new ones are ensured
 */
export interface Fleet {
  /** Gets executors now; joins them to the loop as they come. */
  ensure(): void;
  /** Connects to the executors on which runs that were taken over have attempts; those that are gone are told
   *  to the loop as lost. */
  adopt(runs: RunMachine[]): Promise<void>;
  send(executorId: string, outgoing: Outgoing): void;
  /** Resolves when these executors have taken all that was sent to them. Their sessions begin anew. */
  flush(executorIds: Iterable<string>): Promise<void>;
  /** Executors in session now. */
  joined(): string[];
  close(): Promise<void>;
}

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
  /** No executor could be had after all tries. */
  failed(error: Error): void;
  /** A log cannot be written; it is tried again. Undefined: it works again. */
  logsFailing(error: Error | undefined): void;
  /** A file cannot be stored; it is tried again. Undefined: it works again. */
  filesFailing(error: Error | undefined): void;
  log: Log;
}

/** Milliseconds before each try to get an executor again; after the last one it has failed. */
const ENSURE_WAITS_MS = [100, 500, 1000, 2000, 4000];
/** Milliseconds between tries to reach an executor that lives but does not answer. */
const RECONNECT_MS = 200;

export function createFleet(options: FleetOptions): Fleet {
  const { loop, launcher, log } = options;
  const sessions = new Map<string, ExecutorSession>();
  const connecting = new Map<string, Promise<void>>();
  const recovering = new Set<Promise<void>>();
  let ensuring: Promise<void> | undefined;
  let closed = false;
  const transfer = createFileTransfer({
    store: options.files,
    open: openFileCalls,
    reported: (executorId, reports) => loop.reports(executorId, reports),
    holds: (runId) => loop.runs.has(runId),
    sayAbsent: (executorId, hash) => sessions.get(executorId)?.send({ absentFiles: [hash] }),
    failing: options.filesFailing,
    log,
  });
  const intake = createLogIntake({
    logs: options.logs,
    reported: transfer.reports,
    kept: sendLogAcks,
    failing: options.logsFailing,
  });

  const handlers: SessionHandlers = {
    reports: (executorId, reports) => intake.reports(executorId, reports),
    progress: (executorId, progress) => loop.progress(executorId, progress),
    logs: (executorId, chunks) => intake.chunks(executorId, chunks),
    wanted: transfer.wanted,
    refusals(executorId, refusals) {
      for (const { runId, processor, attempt, reason, currentEpoch } of refusals) {
        const about = { executor: executorId, run: runId, ...(processor !== '' && { processor, attempt }) };
        log.warn('an executor refused an attempt', { ...about, reason });
        // A newer owner has the run. Its attempts must not take room here until a commit, if any, is fenced.
        if (reason === 'stale-epoch') loop.drop(runId, currentEpoch);
        else if (reason !== 'duplicate')
          loop.refused(executorId, runId, { processor, attempt }, `The executor refused it: ${reason}.`);
      }
    },
    broken(executorId, cause) {
      sessions.delete(executorId);
      if (closed) return;
      transfer.broken(executorId);
      log.warn('the session to an executor broke', { executor: executorId, error: cause });
      loop.executorSuspended(executorId);
      recoverBeside(executorId);
    },
  };

  function sendLogAcks(executorId: string, kept: { chunk: LogChunk; offset: number }[]): void {
    const last = new Map<string, { chunk: LogChunk; offset: number }>();
    for (const entry of kept) {
      const { runId, processor, attempt, stream } = entry.chunk;
      last.set(`${runId} ${processor} ${attempt} ${stream}`, entry);
    }
    sessions.get(executorId)?.send({
      logAcks: [...last.values()].map(({ chunk: { runId, processor, attempt, stream }, offset }) => ({
        runId,
        processor,
        attempt,
        stream,
        offset,
      })),
    });
  }

  /** Runs that have attempts on an executor, and which attempts. */
  function leasesOn(executorId: string): { runId: string; epoch: number }[] {
    const leases = [];
    for (const run of loop.runs.values()) {
      if (executorsOf(run).has(executorId)) leases.push({ runId: run.runId, epoch: run.epoch });
    }
    return leases;
  }

  function join(row: ExecutorRow): Promise<void> {
    const { executorId } = row;
    if (sessions.has(executorId)) return Promise.resolve();
    const pending = connecting.get(executorId);
    if (pending !== undefined) return pending;
    const attempt = connectTo(row).finally(() => connecting.delete(executorId));
    connecting.set(executorId, attempt);
    return attempt;
  }

  async function connectTo(row: ExecutorRow): Promise<void> {
    const runs = leasesOn(row.executorId);
    const { session, welcome } = await options.connect({
      address: row.address,
      token: row.token,
      managerId: options.managerId,
      runs,
      handlers,
    });
    if (closed) return session.close();
    sessions.set(session.executorId, session);
    transfer.joined({ ...row, executorId: session.executorId }, welcome.fileStoreId);
    const asked = new Map(runs.map(({ runId, epoch }) => [runId, epoch]));
    const known = new Set<string>();
    for (const { runId, attempts } of welcome.known) {
      for (const { processor, attempt } of attempts) known.add(`${runId} ${processor} ${attempt}`);
    }
    // A run that was taken over since the hello, or again with a newer epoch, was not asked about; `adopt` says
    // hello anew for it.
    const knows = (runId: string, name: AttemptName) =>
      asked.get(runId) !== loop.runs.get(runId)?.epoch ||
      known.has(`${runId} ${name.processor} ${name.attempt}`);
    log.info('executor joined', { executor: session.executorId, slots: session.slots, address: row.address });
    loop.executorJoined(session.executorId, session.slots, knows);
  }

  function recoverBeside(executorId: string): void {
    const recovery = recover(executorId)
      .catch((error) => log.warn('an executor was not recovered', { executor: executorId, error }))
      .finally(() => recovering.delete(recovery));
    recovering.add(recovery);
  }

  /** A session broke: the executor is reached again, or it is gone with what it ran. */
  async function recover(executorId: string): Promise<void> {
    while (!closed) {
      const row = (await options.listExecutors()).find((candidate) => candidate.executorId === executorId);
      if (row === undefined || (await launcher.inspect(row)) === 'gone') return lost(executorId);
      try {
        return await join(row);
      } catch (error) {
        log.debug('an executor does not answer', { executor: executorId, error });
        await wait(RECONNECT_MS);
      }
    }
  }

  function lost(executorId: string): void {
    if (closed) return;
    transfer.lost(executorId);
    log.warn('executor lost', { executor: executorId });
    loop.executorLost(executorId, 'The executor ended while this attempt ran there.');
    if (loop.runs.size > 0) ensure();
  }

  /** A session says which runs it is for in its first message: it is made anew, and resumes. What was sent in the one
   *  before is there first: it would not be known, and count as lost. */
  async function reconnect(executorId: string, rows: ExecutorRow[]): Promise<void> {
    await connecting.get(executorId)?.catch(() => {});
    const session = sessions.get(executorId);
    sessions.delete(executorId);
    loop.executorSuspended(executorId);
    await session?.close();
    const row = rows.find((candidate) => candidate.executorId === executorId);
    if (row === undefined) lost(executorId);
    else await join(row).catch(() => recover(executorId));
  }

  /** The executor ends its half of a session when it has come to the end of this half. */
  async function flush(executorId: string): Promise<void> {
    await connecting.get(executorId)?.catch(() => {});
    const session = sessions.get(executorId);
    if (session === undefined) return;
    sessions.delete(executorId);
    loop.executorSuspended(executorId);
    await session.close();
    // Without runs it is connected to when there is one.
    if (loop.runs.size > 0) recoverBeside(executorId);
  }

  function ensure(): void {
    if (closed || ensuring !== undefined) return;
    ensuring = tryToEnsure().finally(() => {
      ensuring = undefined;
    });
  }

  async function tryToEnsure(): Promise<void> {
    for (const waitMs of [...ENSURE_WAITS_MS, undefined]) {
      try {
        const rows = await launcher.ensure();
        await Promise.all(rows.map(join));
        return;
      } catch (error) {
        if (closed) return;
        log.warn('no executor yet', { error });
        if (waitMs === undefined) return options.failed(error as Error);
        await wait(waitMs);
      }
    }
  }

  return {
    ensure,
    async adopt(runs) {
      const needed = new Set(runs.flatMap((run) => [...executorsOf(run)]));
      if (needed.size === 0) return;
      const rows = await options.listExecutors();
      await Promise.all([...needed].map((executorId) => reconnect(executorId, rows)));
    },
    send(executorId, outgoing) {
      if (outgoing.cancels.length > 0) transfer.cancelled(executorId, outgoing.cancels);
      sessions.get(executorId)?.send(outgoing);
    },
    async flush(executorIds) {
      await Promise.all([...executorIds].map(flush));
    },
    joined: () => [...sessions.keys()],
    async close() {
      closed = true;
      intake.close();
      transfer.close();
      for (const session of sessions.values()) session.close();
      sessions.clear();
      await launcher.close();
      // They look into the store, which is closed next.
      await Promise.all([ensuring, ...recovering]);
    },
  };
}

/** Executors on which a run has attempts that have not ended. */
export function executorsOf(run: RunMachine): Set<string> {
  const executors = new Set<string>();
  forEachRunning(run, ({ attempts }) => executors.add(attempts[attempts.length - 1]!.executorId));
  return executors;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
