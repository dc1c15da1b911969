import { existsSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WizError } from '../../proto/error.ts';
import { newId } from '../../proto/ids.ts';
import { machineId } from '../../proto/machine-id.ts';
import { describeExecutor, stopExecutor } from '../dispatch/calls.ts';
import { stagingFolder } from '../home.ts';
import type { ExecutorRow, Store } from '../store/store.ts';
import { buildId } from './build-id.ts';
import { createCatalogue } from './catalogue.ts';
import { environmentHash, executorEnvironment } from './executor-environment.ts';
import { createExecutorFolder, removeExecutorFolder, removeStaleFolders } from './executor-folder.ts';
import type { Launcher } from './launcher.ts';
import { endLeftovers } from './leftovers.ts';
import { isSameProcess, processStart } from './process-identity.ts';
import { startExecutor } from './start-executor.ts';

/**
 * Executors on this machine: child processes that outlive their manager, so that the next command finds a warm
 * one. A local executor is
 * - **starting**: its row is stored as soon as it has a pid, its socket is not there yet. Others wait for it.
 * - **serving**: its socket is there.
 * - **ending**: asked to end, it works off what it has. Its row's environment hash is `ENDING`, which is nobody's.
 * - **dead**: the pid is gone or another process's. Whoever notices ends what its programs left behind, and
 *   only then removes its row and its folder.
 * One that fits is shared: the `launch` lease of an environment lets one manager at a time start one.
 */
export interface LocalLauncherOptions {
  store: LauncherStore;
  /** $WIZ_HOME */
  home: string;
  /** Of the caller; programs get it (see executor-environment.ts). */
  environment: Record<string, string | undefined>;
  /** Program file of the executor. */
  entry: string;
  /** Address of the file store, which executors share. */
  files: string;
  /** Of wiz. */
  version: string;
  /** Programs at once; when it is given, a warm executor with another number does not fit. Twice the
   *  machine's cores by default, at least 4. */
  slots?: number;
  /** Milliseconds that an executor without work and managers stays, and that one with work and without
   *  managers goes on; absent is the executor's default. */
  warmMs?: number;
  orphanMs?: number;
  /** Told of an executor of this machine that is dead, when all that it started is gone. */
  forgotten?(executorId: string): Promise<void>;
  /** Milliseconds for an executor to start; 10,000 by default. */
  readyMs?: number;
  /** Milliseconds for a living executor to answer, before it is taken for dead and ended; 5,000 by default. */
  answerMs?: number;
}

export type LauncherStore = Pick<
  Store,
  | 'acquireLease'
  | 'releaseLease'
  | 'putExecutor'
  | 'removeExecutor'
  | 'listExecutors'
  | 'getCatalogue'
  | 'putCatalogue'
>;

const ENDING = 'ending';
const LEASE = 'launch';
/** Milliseconds. The lease is held from before the folder is made until the row is stored. */
const LEASE_MS = 5000;
const POLL_MS = 10;
/** Of another machine nothing is known but what it answers: it is connected to where its socket can be reached (a container
 *  beside this one), and is left to its own machine otherwise. */
const isElsewhere = ({ machine }: ExecutorRow) => machine !== machineId() && machine !== '';
/** Milliseconds for an executor that was asked to end: without work it is a matter of a few; with force it
 *  gives its programs their grace (10 s by default) and its managers 2 s to take the reports. */
const END_MS = 5000;
const FORCED_END_MS = 15_000;
/** Milliseconds in which a killed process is gone, unless the kernel holds it. */
const KILLED_MS = 5000;

export function createLocalLauncher(options: LocalLauncherOptions): Launcher {
  const { store, home, entry, readyMs = 10_000, answerMs = 5000 } = options;
  const environment = executorEnvironment(options.environment);
  const environmentOfRow = environmentHash(options.environment);
  const slots = options.slots ?? Math.max(4, 2 * availableParallelism());
  const holder = newId();
  const staging = stagingFolder(home);
  const closing = new AbortController();
  const background = new Set<Promise<unknown>>();
  let ensuring: Promise<ExecutorRow> | undefined;
  let known: string | undefined;
  /** Read when it is first asked for: most commands want no executor. */
  const build = () => (known ??= buildId(options.version, entry));

  const catalogue = createCatalogue({
    store,
    build,
    entry,
    environment,
    executor: async () =>
      ensuring ? await ensuring : (await localRows()).find((row) => fits(row) && serves(row)),
  });

  return {
    isLocal: true,
    starts: 'when-needed',
    present: () => [],
    meet: async (row) => row,
    async ensure() {
      ensuring ??= obtain().finally(() => {
        ensuring = undefined;
      });
      return [await ensuring];
    },
    inspect,
    async stop(executors, force) {
      const ended = await Promise.all(executors.map((row) => stop(row, force)));
      const ids = executors.map(({ executorId }) => executorId);
      return { stopped: ids.filter((_, i) => ended[i]), busy: ids.filter((_, i) => !ended[i]) };
    },
    catalogue,
    async close() {
      closing.abort();
      await Promise.allSettled([ensuring, ...background]);
    },
  };

  async function localRows(): Promise<ExecutorRow[]> {
    return (await store.listExecutors()).filter((row) => row.launcher === 'local' && !isElsewhere(row));
  }

  function fits(row: ExecutorRow): boolean {
    return (
      row.version === build() &&
      row.environmentHash === environmentOfRow &&
      (options.slots === undefined || row.slots === options.slots) &&
      lives(row) &&
      // One that never came to serve, or lost its socket, is left to end by itself.
      (serves(row) || Date.now() - row.startedMs < readyMs)
    );
  }

  async function obtain(): Promise<ExecutorRow> {
    // Needed in any case, and loaded while the store and the executor are busy.
    keep(import('../dispatch/channel.ts'));
    // One start of another manager, and then one of our own.
    const deadline = performance.now() + 2 * readyMs;
    while (performance.now() < deadline) {
      const rows = await localRows();
      const fitting = rows.find(fits);
      if (fitting && serves(fitting)) {
        keep(forgetDead(rows));
        return fitting;
      }
      if (!fitting && (await takeLease())) {
        const started = await startUnderLease();
        if (started) return started;
        continue;
      }
      await sleep(POLL_MS, undefined, { signal: closing.signal }).catch(() => {
        throw new WizError('unavailable', 'Waiting for a local executor was given up.');
      });
    }
    throw new WizError('unavailable', `No local executor was ready within ${(2 * readyMs) / 1000} s.`);
  }

  function takeLease(): Promise<boolean> {
    const now = Date.now();
    return store.acquireLease(LEASE, environmentOfRow, holder, now, now + LEASE_MS);
  }

  /** Undefined when another manager stored one between the look and the lease. */
  async function startUnderLease(): Promise<ExecutorRow | undefined> {
    let started: { row: ExecutorRow; ready: Promise<void> };
    try {
      const rows = await localRows();
      if (rows.some(fits)) return undefined;
      started = await start();
      keep(forgetDead(rows));
    } finally {
      await store.releaseLease(LEASE, environmentOfRow, holder);
    }
    const { row, ready } = started;
    try {
      await ready;
    } catch (error) {
      if (!closing.signal.aborted) await forget(row);
      throw error;
    }
    return row;
  }

  async function start() {
    const executorId = newId();
    const folder = createExecutorFolder(home, executorId);
    const { warmMs, orphanMs } = options;
    const { pid, ready } = startExecutor(
      { executorId, entry, folder, environment, slots, files: options.files, staging, warmMs, orphanMs },
      readyMs,
      closing.signal,
    );
    const row: ExecutorRow = {
      executorId,
      launcher: 'local',
      address: folder.address,
      token: folder.token,
      tls: null,
      hostname: hostname(),
      pid,
      pidStart: processStart(pid),
      machine: machineId(),
      version: build(),
      slots,
      environmentHash: environmentOfRow,
      startedMs: Date.now(),
      name: '',
      labels: {},
      drainingMs: 0,
    };
    try {
      await store.putExecutor(row);
    } catch (error) {
      // Nobody would find it.
      await forget(row).catch(() => {});
      throw error;
    }
    return { row, ready };
  }

  async function inspect(row: ExecutorRow): Promise<'alive' | 'gone'> {
    const deadline = performance.now() + answerMs;
    // One that is about to end no longer answers, and lives for a few milliseconds.
    while (lives(row) && performance.now() < deadline) {
      const { address, token } = row;
      const timeoutMs = Math.max(1, deadline - performance.now());
      const answer = await describeExecutor({ address, token, timeoutMs }).catch(() => undefined);
      if (answer?.executorId === row.executorId) return 'alive';
      await sleep(POLL_MS);
    }
    if (!isElsewhere(row)) await forget(row);
    return 'gone';
  }

  /** True when it has ended. */
  async function stop(row: ExecutorRow, force: boolean): Promise<boolean> {
    if (row.launcher !== 'local' || isElsewhere(row)) return false;
    const { address, token } = row;
    const answer = lives(row)
      ? await stopExecutor({ address, token, force, timeoutMs: answerMs }).catch(() => undefined)
      : undefined;
    if (answer && answer.runningAttempts > 0 && !force) {
      await store.putExecutor({ ...row, environmentHash: ENDING });
      return false;
    }
    // Without an answer it is about to end, or stands still: only force ends that.
    const waitMs = answer ? (force ? FORCED_END_MS : END_MS) : answerMs;
    const deadline = performance.now() + waitMs;
    while (lives(row) && performance.now() < deadline) await sleep(POLL_MS);
    if (lives(row) && !force) {
      if (answer) await store.putExecutor({ ...row, environmentHash: ENDING });
      return false;
    }
    await forget(row);
    return true;
  }

  /** Ends what is left of an executor, itself too, and removes what is kept of it. */
  async function forget(row: ExecutorRow): Promise<void> {
    // Where the start of a process is unknown, its pid may be another's by now: it is left.
    if (row.pidStart !== 0 && lives(row)) {
      process.kill(row.pid, 'SIGKILL');
      const deadline = performance.now() + KILLED_MS;
      while (lives(row) && performance.now() < deadline) await sleep(POLL_MS);
    }
    await endLeftovers(row.executorId);
    // What it does not come to stays where people can see it.
    await options.forgotten?.(row.executorId).catch(() => {});
    await store.removeExecutor(row.executorId);
    removeExecutorFolder(home, row);
  }

  /** Executors that ended by themselves have nobody to remove their rows but whoever comes next. */
  async function forgetDead(rows: ExecutorRow[]): Promise<void> {
    for (const row of rows) if (!lives(row)) await forget(row);
    removeStaleFolders(home, new Set(rows.map(({ executorId }) => executorId)));
  }

  /** Goes on beside; `close` waits for it. What fails is tried again by the next manager. */
  function keep(work: Promise<unknown>): void {
    const done = work.catch(() => {}).finally(() => background.delete(done));
    background.add(done);
  }
}

function lives(row: ExecutorRow): boolean {
  return isElsewhere(row) || isSameProcess(row.pid, row.pidStart);
}

function serves({ address }: ExecutorRow): boolean {
  return existsSync(address.replace(/^unix:/, ''));
}
