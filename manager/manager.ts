import { newId } from '../proto/ids.ts';
import { type Background, createBackground } from './background.ts';
import { createFleet, type Fleet } from './dispatch/fleet.ts';
import { createGlobalLimit } from './dispatch/global-limit.ts';
import type { Connect } from './dispatch/session.ts';
import { createLoop, type Loop } from './engine/loop.ts';
import type { RunMachine } from './engine/run.ts';
import { readRun, rowOf } from './journal.ts';
import type { Launcher } from './launch/launcher.ts';
import { joinManagers, type Membership } from './ownership.ts';
import { openFileLogs } from './store/file-logs.ts';
import type { LogStore } from './store/logs.ts';
import type { ManagerRow, Store } from './store/store.ts';
import { createWatchers, type Watchers } from './watchers.ts';

/** One manager: its loop, its executors, and its place among the managers of the store. */
export interface Manager {
  readonly managerId: string;
  readonly home: string;
  readonly store: Store;
  readonly logs: LogStore;
  readonly loop: Loop;
  readonly fleet: Fleet;
  readonly launcher: Launcher;
  readonly watchers: Watchers;
  readonly background: Background;
  readonly membership: Membership;
  /** The first thing that keeps runs from going on (no executor, a full store); undefined when all is well. */
  trouble(): Error | undefined;
  /** Takes runs that nobody owns, up to `limit`; returns how many. */
  adoptOrphans(limit: number): Promise<number>;
  /** Takes one run that has ended or is nobody's. Undefined when somebody living owns it. */
  claim(runId: string): Promise<RunMachine | undefined>;
  /** Leaves the store. Runs that go on are given to a background manager. */
  close(): Promise<void>;
}

export interface ManagerOptions {
  home: string;
  kind: ManagerRow['kind'];
  store: Store;
  launcher: Launcher;
  connect: Connect;
  environment: NodeJS.ProcessEnv;
  wizEntry: string[];
  /** Most attempts at once over all managers of the store; undefined is no limit. */
  globalLimit: number | undefined;
  /** Told when runs have to wait because something cannot be written, and with undefined when they go on. */
  onTrouble?: ((error: Error | undefined) => void) | undefined;
}

export async function createManager(options: ManagerOptions): Promise<Manager> {
  const { store, launcher, home } = options;
  const managerId = newId();
  const logs = openFileLogs(home);
  const watchers = createWatchers(store, (runId) => {
    const run = loop.runs.get(runId);
    return run === undefined ? undefined : run.seq - run.uncommitted.length;
  });
  const background = createBackground({ ...options, store });
  const limit =
    options.globalLimit === undefined ? null : createGlobalLimit(store, managerId, options.globalLimit);
  const note = process.env.WIZ_DEBUG ? (message: string) => console.error(`wiz: ${message}`) : () => {};
  let storeTrouble: Error | undefined;
  let logTrouble: Error | undefined;
  let executorTrouble: Error | undefined;
  let told: string | undefined;

  /** Each trouble is told once, however often it is met, and its end. */
  function tellTrouble(): void {
    const trouble = storeTrouble ?? logTrouble;
    if (trouble?.message === told) return;
    told = trouble?.message;
    options.onTrouble?.(trouble);
  }

  const loop = createLoop({
    async commit(runs) {
      const changes = limit?.changes(runs) ?? { acquire: [], release: [], max: {} };
      const result = await store.commit(
        runs.map(({ run, events }) => ({ row: rowOf(run), events })),
        changes,
      );
      limit?.committed();
      // Permits came free: what waits for one is looked at again.
      if (changes.release.length > 0) void loop.settled();
      return result;
    },
    permits: limit,
    now: Date.now,
    chance: Math.random,
    defer: (tick) => void setImmediate(tick),
    timer(ms, ring) {
      const timer = setTimeout(ring, ms);
      return () => clearTimeout(timer);
    },
    send: (executorId, outgoing) => fleet.send(executorId, outgoing),
    committed(run, events) {
      watchers.committed(run, events);
    },
    fenced: (runId) => note(`run ${runId} belongs to another manager now`),
    storeFailing(error) {
      storeTrouble = error;
      tellTrouble();
    },
    needExecutor: () => fleet.ensure(),
  });

  const fleet: Fleet = createFleet({
    managerId,
    loop,
    launcher,
    connect: options.connect,
    logs,
    listExecutors: () => store.listExecutors(),
    note,
    logsFailing(error) {
      logTrouble = error;
      tellTrouble();
    },
    failed(error) {
      executorTrouble = error;
      for (const runId of loop.runs.keys()) loop.cancel(runId, `No executor could be had: ${error.message}`);
    },
  });

  let caring: Promise<void> = Promise.resolve();
  const lookAfter = () => {
    caring = caring.then(care).catch((error) => note(String(error)));
  };
  const membership = await joinManagers(store, managerId, options.kind, lookAfter);
  lookAfter();

  /** What a manager looks after when it comes and at each heartbeat: runs that nobody owns. */
  async function care(): Promise<void> {
    const living = await membership.living();
    if (options.kind === 'background') await adoptOrphans(100);
    else if ((await store.countOrphans(living)) > 0) await background.ensure();
  }

  async function takeCommands(): Promise<void> {
    if (loop.runs.size === 0) return;
    for (const { runId, message } of await store.takeCommands(managerId)) loop.cancel(runId, message);
  }
  watchers.onForeignCommit(() => {
    takeCommands().catch((error) => note(String(error)));
    if (limit !== null) void loop.settled();
  });

  async function adopt(runId: string, epoch: number): Promise<RunMachine> {
    const run = await readRun(store, runId, { managerId, epoch });
    await limit?.repair(run);
    loop.add(run, { adopted: true });
    return run;
  }

  async function adoptOrphans(count: number): Promise<number> {
    const claimed = await store.claimRuns(managerId, await membership.living(), count);
    for (const { runId, epoch } of claimed) {
      const run = await adopt(runId, epoch);
      await loop.settled();
      await fleet.adopt(run);
      await takeCommands();
    }
    return claimed.length;
  }

  return {
    managerId,
    home,
    store,
    logs,
    loop,
    fleet,
    launcher,
    watchers,
    background,
    membership,
    trouble: () => storeTrouble ?? logTrouble ?? executorTrouble,
    adoptOrphans,
    async claim(runId) {
      const claimed = await store.claimRun(runId, managerId, await membership.living());
      return claimed === undefined ? undefined : adopt(runId, claimed.epoch);
    },
    async close() {
      await caring;
      if (storeTrouble === undefined) await loop.settled();
      loop.stop();
      const left = [...loop.runs.keys()];
      await fleet.close();
      watchers.close();
      logs.close();
      if (left.length > 0) {
        await store.releaseRuns(managerId, left);
        await background.ensure();
      }
      await membership.leave().catch(() => {});
      await store.close();
    },
  };
}
