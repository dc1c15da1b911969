import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { RunAttemptsSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Outgoing } from '../engine/loop.ts';
import type { RunMachine } from '../engine/run.ts';
import { DEFAULT_GRACE_MS } from '../launch/elsewhere.ts';
import type { ExecutorRow } from '../store/store.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';
import { dialOf } from './dial.ts';
import { openFileCalls } from './file-calls.ts';
import { createFileTransfer } from './file-transfer.ts';
import type { FleetOptions } from './fleet-options.ts';
import { logAcksOf } from './log-acks.ts';
import { createLogIntake } from './log-intake.ts';
import { attemptsOn, executorsOf, leasesOn, whatIsThere } from './placed.ts';
import { createTakeRefusals } from './refusals.ts';
import type { ExecutorSession, SessionHandlers } from './session.ts';
import { createStandings, type Standing } from './standing.ts';
import { createSettleUnclaimed } from './unclaimed.ts';

/**
 * The executors of one manager, and the sessions to them.
 *
 *   wanted --ensure, or registered--> connecting --welcome--> joined --stream broken--> unhealthy
 *                                        ^                                                 |
 *                                        +---------- alive (tried again) ------------------+
 *                                                                                          |
 *                                       gone: its attempts are lost, and others are ensured
 *
 * An unhealthy executor is given nothing. It is gone when its process is known to be dead, when another one answers in its
 * place, or when it could not be joined for its grace. A registered one is tried again for ever, with longer and longer waits.
 * What it still has of runs that went on without it, it tells when it is back: see unclaimed.ts.
 *
 * A **draining** executor stays in session, finishes what it has, and is given nothing; that is asked for in the store, or told
 * by the executor itself.
 */
export interface Fleet {
  /** Gets executors now; joins them to the loop as they come. */
  ensure(): void;
  /** Looks at what the store has: joins executors that were registered, leaves those that were removed, and ensures what
   *  is to be there. Called at each heartbeat, and when the store has changed. */
  refresh(): Promise<void>;
  /** Connects to the executors on which runs that were taken over have attempts; those that are gone are told
   *  to the loop as lost. */
  adopt(runs: RunMachine[]): Promise<void>;
  send(executorId: string, outgoing: Outgoing): void;
  /** Resolves when these executors have taken all that was sent to them. Their sessions begin anew. */
  flush(executorIds: Iterable<string>): Promise<void>;
  /** Executors in session now. */
  joined(): string[];
  /** Undefined for those that this manager does not look after. */
  standing(executorId: string): Standing | undefined;
  close(): Promise<void>;
}

/** Milliseconds before each try to get an executor again; after the last one it has failed. */
const ENSURE_WAITS_MS = [100, 500, 1000, 2000, 4000];
/** Between tries to join an executor that lives but does not answer. */
const RECONNECT: BackoffLimits = { firstMs: 100, lastMs: 2000 };

export function createFleet(options: FleetOptions): Fleet {
  const { loop, launcher, log, graceMs = DEFAULT_GRACE_MS } = options;
  const sessions = new Map<string, ExecutorSession>();
  /** Of those in session. */
  const rows = new Map<string, ExecutorRow>();
  const connecting = new Map<string, Promise<void>>();
  /** Sessions that were closed, until what was sent in them is there. */
  const ending = new Map<string, Promise<void>>();
  const recovering = new Map<string, Promise<void>>();
  const standings = createStandings();
  let ensuring: Promise<void> | undefined;
  const closing = new AbortController();
  const closed = closing.signal;
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
    kept: (executorId, kept) => sessions.get(executorId)?.send({ logAcks: logAcksOf(kept) }),
    failing: options.logsFailing,
  });
  const settleUnclaimed = createSettleUnclaimed({
    loop,
    getRun: options.getRun,
    keepsStaging: options.keepsStaging,
    send: (executorId, batch) => sessions.get(executorId)?.send(batch),
    log,
  });

  const handlers: SessionHandlers = {
    reports: (executorId, reports) => intake.reports(executorId, reports),
    progress: (executorId, progress) => loop.progress(executorId, progress),
    logs: (executorId, chunks) => intake.chunks(executorId, chunks),
    wanted: transfer.wanted,
    refusals: createTakeRefusals({ loop, log }),
    load(executorId, load, unclaimed) {
      standings.told(executorId, load);
      tellDraining(executorId);
      settleUnclaimed(executorId, unclaimed);
    },
    broken(executorId, cause) {
      sessions.delete(executorId);
      rows.delete(executorId);
      if (closed.aborted) return;
      transfer.broken(executorId);
      log.warn('the session to an executor broke', { executor: executorId, error: cause });
      standings.failed(executorId, cause.message);
      loop.executorSuspended(executorId);
      startRecovery(executorId);
    },
  };

  /** It takes nothing new when the store says so, or it itself does. */
  function tellDraining(executorId: string): void {
    const asked = (rows.get(executorId)?.drainingMs ?? 0) > 0;
    const draining = asked || standings.get(executorId)?.load?.draining === true;
    if (draining !== loop.executors.get(executorId)?.draining) loop.executorDraining(executorId, draining);
  }

  function join(row: ExecutorRow): Promise<void> {
    const { executorId } = row;
    if (sessions.has(executorId)) return Promise.resolve();
    const pending = connecting.get(executorId);
    if (pending !== undefined) return pending;
    const attempt = connectTo(row)
      .catch((error) => {
        standings.failed(executorId, (error as Error).message);
        throw error;
      })
      .finally(() => connecting.delete(executorId));
    connecting.set(executorId, attempt);
    return attempt;
  }

  async function connectTo(row: ExecutorRow): Promise<void> {
    await ending.get(row.executorId);
    if (closed.aborted) return;
    const runs = leasesOn(loop.runs.values(), row.executorId);
    const { session, welcome } = await options.connect({
      ...dialOf(row),
      managerId: options.managerId,
      runs,
      handlers,
    });
    if (session.executorId !== row.executorId) {
      session.close();
      return replaced(row);
    }
    if (closed.aborted) return session.close();
    sessions.set(session.executorId, session);
    rows.set(session.executorId, row);
    standings.joined(session.executorId);
    transfer.joined({ ...dialOf(row), executorId: session.executorId }, welcome.fileStoreId);
    const knows = whatIsThere(runs, welcome.known, (runId) => loop.runs.get(runId)?.epoch);
    log.info('executor joined', { executor: session.executorId, slots: session.slots, address: row.address });
    loop.executorJoined(session.executorId, session.slots, knows);
    loop.executorDraining(session.executorId, row.drainingMs > 0);
    // Also those that have ended since the hello.
    const named = runs.map((run) => create(RunAttemptsSchema, run));
    settleUnclaimed(session.executorId, [...welcome.known, ...named]);
    options.failed(undefined);
  }

  /** Another process answers at the address. */
  async function replaced(row: ExecutorRow): Promise<void> {
    const next = await launcher.meet(row);
    if (next === undefined) return;
    if (next.executorId === row.executorId) throw new Error(`another executor answers at ${row.address}`);
    log.info('another executor has its place', {
      executor: next.executorId,
      name: row.name,
      before: row.executorId,
    });
    lost(row.executorId);
    return join(next);
  }

  function startRecovery(executorId: string): void {
    if (recovering.has(executorId)) return;
    const recovery = recover(executorId)
      .catch((error) => log.warn('an executor was not recovered', { executor: executorId, error }))
      .finally(() => recovering.delete(executorId));
    recovering.set(executorId, recovery);
  }

  /** A session broke: the executor is reached again, or it is gone with what it ran. */
  async function recover(executorId: string): Promise<void> {
    const brokeAt = performance.now();
    for (let tries = 1; !closed.aborted; tries += 1) {
      const row = (await options.listExecutors()).find((candidate) => candidate.executorId === executorId);
      if (row === undefined || (await launcher.inspect(row)) === 'gone') return lost(executorId);
      try {
        return await join(row);
      } catch (error) {
        log.debug('an executor does not answer', { executor: executorId, error });
        // It answers, and yet there is no session: the way there lets little through.
        if (row.launcher !== 'local' && performance.now() - brokeAt > graceMs) return lost(executorId);
        await wait(backoffMs(RECONNECT, tries), closed);
      }
    }
  }

  function lost(executorId: string, message = 'The executor ended while this attempt ran there.'): void {
    if (closed.aborted) return;
    transfer.lost(executorId);
    log.warn('executor lost', { executor: executorId });
    loop.executorLost(executorId, message);
    // An executor that is back already must not be asked for what is lost.
    if (loop.runs.size > 0 || launcher.starts === 'always') void loop.settled().then(ensure);
  }

  function ensure(): void {
    if (closed.aborted || ensuring !== undefined) return;
    ensuring = tryToEnsure().finally(() => {
      ensuring = undefined;
    });
  }

  async function tryToEnsure(): Promise<void> {
    for (const waitMs of [...ENSURE_WAITS_MS, undefined]) {
      try {
        const found = await launcher.ensure();
        // One that cannot be joined does not keep the others from work.
        const joins = await Promise.allSettled(found.map(join));
        const failures = joins.flatMap((it) => (it.status === 'rejected' ? [it.reason as Error] : []));
        if (sessions.size === 0 && failures.length > 0) throw failures[0];
        return;
      } catch (error) {
        if (closed.aborted) return;
        log.warn('no executor yet', { error });
        if (waitMs === undefined) return options.failed(error as Error);
        await wait(waitMs, closed);
        if (closed.aborted) return;
      }
    }
  }

  /** A session says which runs it is for in its first message: it is made anew, and resumes. What was sent in the one
   *  before is there first: it would not be known, and count as lost. */
  async function reconnect(executorId: string, all: ExecutorRow[]): Promise<void> {
    await endSession(executorId);
    const row = all.find((candidate) => candidate.executorId === executorId);
    if (row === undefined) lost(executorId);
    // One that is away may be away for its whole grace: nobody waits for that.
    else await join(row).catch(() => startRecovery(executorId));
  }

  /** The executor ends its half of a session when it has come to the end of this half. */
  async function endSession(executorId: string): Promise<boolean> {
    await connecting.get(executorId)?.catch(() => {});
    const session = sessions.get(executorId);
    sessions.delete(executorId);
    rows.delete(executorId);
    loop.executorSuspended(executorId);
    const end = session?.close().finally(() => ending.delete(executorId));
    if (end !== undefined) ending.set(executorId, end);
    await ending.get(executorId);
    return session !== undefined;
  }

  async function flush(executorId: string): Promise<void> {
    if (!sessions.has(executorId) && !connecting.has(executorId)) return ending.get(executorId);
    // Without runs it is connected to when there is one.
    if ((await endSession(executorId)) && loop.runs.size > 0) startRecovery(executorId);
  }

  async function refresh(): Promise<void> {
    const all = await options.listExecutors();
    if (closed.aborted) return;
    const wanted = launcher.present(all);
    for (const [executorId, session] of sessions) {
      const row = all.find((candidate) => candidate.executorId === executorId);
      if (row !== undefined) rows.set(executorId, row);
      else if (rows.get(executorId)?.launcher === 'registered') leave(executorId, session);
      tellDraining(executorId);
    }
    standings.keep([...sessions.keys(), ...all.map(({ executorId }) => executorId)]);
    for (const row of wanted) {
      const { executorId } = row;
      const isUnderWay = sessions.has(executorId) || recovering.has(executorId);
      if (!isUnderWay && standings.isDue(executorId)) {
        join(row).catch((error) => log.debug('an executor was not joined', { executor: executorId, error }));
      }
    }
    if (isWanting()) ensure();
  }

  /** Whether an executor is to be started on this machine. */
  function isWanting(): boolean {
    if (launcher.starts === 'nothing') return false;
    for (const { executorId, launcher: by } of rows.values())
      if (by === 'local' && !loop.executors.get(executorId)?.draining) return false;
    if (launcher.starts === 'always') return true;
    for (const run of loop.runs.values()) if (run.ready.size() > 0) return true;
    return false;
  }

  /** Its registration was removed: what it still runs here counts no more. */
  function leave(executorId: string, session: ExecutorSession): void {
    log.info('executor removed', { executor: executorId });
    session.send({ superseded: attemptsOn(loop.runs.values(), executorId) });
    session.close();
    sessions.delete(executorId);
    rows.delete(executorId);
    lost(executorId, 'The executor was removed while this attempt ran there.');
  }

  return {
    ensure,
    refresh,
    async adopt(runs) {
      const needed = new Set(runs.flatMap((run) => [...executorsOf(run)]));
      if (needed.size === 0) return;
      const all = await options.listExecutors();
      await Promise.all([...needed].map((executorId) => reconnect(executorId, all)));
    },
    send(executorId, outgoing) {
      if (outgoing.cancels.length > 0) transfer.cancelled(executorId, outgoing.cancels);
      sessions.get(executorId)?.send(outgoing);
    },
    async flush(executorIds) {
      await Promise.all([...executorIds].map(flush));
    },
    joined: () => [...sessions.keys()],
    standing: standings.get,
    async close() {
      closing.abort();
      intake.close();
      transfer.close();
      for (const session of sessions.values()) session.close();
      sessions.clear();
      await launcher.close();
      // They look into the store, which is closed next.
      await Promise.allSettled([ensuring, ...connecting.values(), ...recovering.values()]);
    },
  };
}

/** Shorter when `signal` is aborted. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal }).catch(() => {});
}
