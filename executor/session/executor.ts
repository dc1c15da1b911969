import { mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import {
  DescribeResponseSchema,
  type DrainRequest,
  DrainResponseSchema,
  type ProcessorType,
  type StopRequest,
  StopResponseSchema,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import { type Log, silentLog } from '../../proto/log.ts';
import { machineId } from '../../proto/machine-id.ts';
import type { FileExchange } from '../files/file-exchange.ts';
import { createLifetime } from './lifetime.ts';
import { createMeasure } from './load.ts';
import { createSpools, DEFAULT_ROOM, type SpoolRoom } from './log-spool.ts';
import { type ServerOptions, serve } from './server.ts';
import { openSession, type Session } from './session.ts';
import { createWorkload, type WorkloadOptions } from './workload.ts';

export interface ExecutorOptions extends Pick<ServerOptions, 'address' | 'token' | 'tls'> {
  id: string;
  version: string;
  /** Programs at once. */
  slots: number;
  /** Folder of this executor alone; made when it is missing. */
  home: string;
  /** Milliseconds without sessions and work until it ends; 0 is never. */
  warmMs: number;
  /** Milliseconds without sessions until it ends the work it has, and without the session of a run until it ends what it
   *  has of that run; 0 is never. */
  orphanMs: number;
  /** Bounds of what is kept of logs until managers have it. */
  logs?: Partial<SpoolRoom>;
  /** Files on their way between its store and those of managers. */
  files: FileExchange;
  /** By default nothing is logged. */
  log?: Log | undefined;
  /** A run has ended; its staging folder goes, or is kept. */
  runEnded: WorkloadOptions['runEnded'];
  programs: { start: WorkloadOptions['startProgram'] };
  calls: WorkloadOptions['calls'] & { describe(): Promise<ProcessorType[]> };
}

export interface Executor {
  readonly address: string;
  /** Takes nothing new, hands back what has not begun, finishes the rest, and ends; what is not done after `withinMs` is
   *  ended like by `stop`. */
  drain(withinMs: number): void;
  /** Ends all work (its reports say executor-stopped and are not the program's fault), waits until managers
   *  that are there have the reports, and ends. */
  stop(): void;
  /** What attempts left whose reports no manager has acknowledged. */
  heldFiles(): File[];
  /** Settles when it serves no more, and nothing runs. */
  readonly ended: Promise<void>;
}

/** Managers take a session for broken after three of these. */
const HEARTBEAT_MS = 2000;

/** Between looks at what nobody claims, as a share of the orphan time. */
const LOOKS = 4;

/** How long a manager may take to acknowledge the last reports of an executor that ends. */
const LAST_ACKS_MS = 2000;

/**
 * Starts an executor: its workload, the server, and its sessions. Rejects with WizError when it cannot listen.
 *
 * It **serves** until it is asked to end or its lifetime expires. Asked to drain, or to stop without force, it **drains**:
 * new assignments are refused, what waits for a slot is handed back, and it ends when nothing is held: when managers
 * have acknowledged every report, and so have every log and file. Until then it may be told to serve again. Otherwise,
 * or when draining takes too long, it **ends**: work is stopped, its reports are handed to the managers that are there,
 * and the server closes.
 */
export async function startExecutor(options: ExecutorOptions): Promise<Executor> {
  const spoolDir = join(options.home, 'spool');
  mkdirSync(spoolDir, { recursive: true, mode: 0o700 });
  const startedUnixMs = Date.now();
  const { files, log = silentLog } = options;
  const sessions = new Set<Session>();
  const ended = Promise.withResolvers<void>();
  let sessionCount = 0;
  let phase: 'serving' | 'draining' | 'ending' = 'serving';
  let onChange: (() => void) | undefined;
  let drainEnd: NodeJS.Timeout | undefined;

  const measure = createMeasure(options.home);
  const load = () => {
    const { unfinished: running, waiting } = workload.counts;
    return measure({ running, waiting, managers: sessions.size, draining: phase !== 'serving' });
  };
  const spools = createSpools({ ...DEFAULT_ROOM, dir: spoolDir, ...options.logs });
  const workload = createWorkload({
    slots: options.slots,
    spools,
    startProgram: options.programs.start,
    calls: options.calls,
    runEnded: options.runEnded,
    changed: review,
  });
  const lifetime = createLifetime({
    warmMs: options.warmMs,
    orphanMs: options.orphanMs,
    expired: () => end(),
  });
  const server = await serve({
    address: options.address,
    token: options.token,
    tls: options.tls,
    async describe() {
      const { id, version, slots } = options;
      return create(DescribeResponseSchema, {
        executorId: id,
        version,
        slots,
        hostname: hostname(),
        pid: process.pid,
        startedUnixMs,
        processors: await options.calls.describe(),
        load: load(),
        machine: machineId(),
      });
    },
    stop,
    drain({ undo }: DrainRequest) {
      if (undo) serveAgain();
      else setImmediate(drain);
      return create(DrainResponseSchema, { runningAttempts: workload.counts.unfinished });
    },
    files,
    session(stream) {
      openSession(stream, {
        executorId: options.id,
        slots: options.slots,
        fileStoreId: files.storeId,
        wanted: files.wanted,
        serial: ++sessionCount,
        workload,
        load,
        heartbeatMs: HEARTBEAT_MS,
        opened(session) {
          sessions.add(session);
          log.info('a manager joined', { manager: session.managerId });
          review();
        },
        closed(session) {
          sessions.delete(session);
          log.info('a manager left', { manager: session.managerId });
          review();
        },
      });
    },
  });
  const leaving = options.orphanMs === 0 ? undefined : setInterval(leave, options.orphanMs / LOOKS).unref();
  review();
  return {
    address: server.address,
    drain(withinMs) {
      drain();
      if (phase === 'draining') drainEnd ??= setTimeout(end, withinMs);
    },
    stop: end,
    heldFiles: workload.heldFiles,
    ended: ended.promise,
  };

  /** Without any session that is the orphan's end. */
  function leave(): void {
    if (sessions.size > 0) workload.leaveUnclaimed(options.orphanMs);
  }

  function review(): void {
    if (phase === 'draining' && workload.counts.held === 0) end();
    else if (phase !== 'ending') lifetime.update(sessions.size, workload.counts.held);
    // A program that waits for room for its log must not wait for a manager that will not come.
    else if (phase === 'ending' && sessions.size === 0) spools.abandon();
    onChange?.();
  }

  function stop({ force }: StopRequest) {
    const response = create(StopResponseSchema, { runningAttempts: workload.counts.unfinished });
    // After the answer is on its way.
    setImmediate(force ? end : drain);
    return response;
  }

  function drain(): void {
    if (phase !== 'serving') return;
    phase = 'draining';
    log.info('draining', { attempts: workload.counts.unfinished });
    workload.drain();
    server.serving(false);
    tellLoad();
    review();
  }

  /** Unless whoever started it wants its end. */
  function serveAgain(): void {
    if (phase !== 'draining' || drainEnd !== undefined) return;
    phase = 'serving';
    workload.undrain();
    server.serving(true);
    tellLoad();
    review();
  }

  function tellLoad(): void {
    for (const session of sessions) session.tellLoad();
  }

  function end(): void {
    if (phase === 'ending') return;
    phase = 'ending';
    log.info('ending', { attempts: workload.counts.unfinished });
    server.serving(false);
    lifetime.end();
    clearTimeout(drainEnd);
    clearInterval(leaving);
    workload.stopAll('executor-stopped');
    tellLoad();
    review();
    finish().then(ended.resolve, ended.reject);
  }

  async function finish(): Promise<void> {
    await until(() => workload.counts.unfinished === 0);
    // A manager acknowledges a report when it has read its files.
    do await until(() => workload.counts.held === 0 || sessions.size === 0, LAST_ACKS_MS);
    while (workload.counts.held > 0 && sessions.size > 0 && files.quietMs() < LAST_ACKS_MS);
    for (const session of sessions) session.close();
    files.close();
    await server.close();
    rmSync(spoolDir, { recursive: true, force: true });
  }

  /** Resolves when the condition holds after some change, or when the time is over. */
  function until(condition: () => boolean, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      onChange = () => {
        if (condition()) done();
      };
      onChange();
      function done() {
        clearTimeout(timer);
        onChange = undefined;
        resolve();
      }
    });
  }
}
