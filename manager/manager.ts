import type { FileStore } from '../files/file-store.ts';
import { WizError } from '../proto/error.ts';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import { newId } from '../proto/ids.ts';
import { createAdoption } from './adoption.ts';
import { createAftermath } from './aftermath.ts';
import { type Background, createBackground } from './background.ts';
import { type Centre, createCentre, mayBeCentre } from './centre.ts';
import { type Commands, createCommands } from './commands.ts';
import { createFleet, type Fleet } from './dispatch/fleet.ts';
import { createGlobalLimit } from './dispatch/global-limit.ts';
import { executorsOf } from './dispatch/placed.ts';
import { createLoop, type Loop } from './engine/loop.ts';
import type { Conclusion } from './engine/preparation.ts';
import type { RunMachine } from './engine/run.ts';
import { loadsOf } from './executor-loads.ts';
import { leavingsOf } from './file-links.ts';
import { createHooks, type Hooks } from './hooks/hooks.ts';
import { rowOf } from './journal.ts';
import type { Launcher } from './launch/launcher.ts';
import { keepsStagingOf } from './left-staging.ts';
import type { ManagerOptions } from './manager-options.ts';
import type { Log } from './observe/log.ts';
import { journaling, type Observer } from './observe/observer.ts';
import { joinManagers, type Membership } from './ownership.ts';
import { createPreparer, type Preparer } from './prepare/preparer.ts';
import { createRetention, pruneAsCentre } from './retention.ts';
import { createRounds } from './rounds.ts';
import { createSharing, type Sharing } from './sharing.ts';
import type { LogStore } from './store/logs.ts';
import type { NewRecords, Store } from './store/store.ts';
import { createSchedules, type Schedules } from './triggers/schedules.ts';
import { createTroubles } from './troubles.ts';
import { createWatchers, type Watchers } from './watchers.ts';

/** One manager: its loop, its executors, and its place among the managers of the store. */
export interface Manager {
  readonly managerId: string;
  readonly home: string;
  readonly store: Store;
  readonly files: FileStore;
  /** Finds out what tasks are to do before they start. */
  readonly preparer: Preparer;
  readonly logs: LogStore;
  readonly loop: Loop;
  readonly fleet: Fleet;
  readonly launcher: Launcher;
  readonly watchers: Watchers;
  readonly background: Background;
  readonly membership: Membership;
  readonly log: Log;
  readonly observer: Observer | undefined;
  readonly hooks: Hooks;
  readonly schedules: Schedules;
  /** The first thing that keeps runs from going on (no executor, a full store); undefined when all is well. */
  trouble(): Error | undefined;
  /** Of these, what cannot be written. */
  stuck(): Error | undefined;
  /** Which runs are whose, among the managers of the store. */
  readonly sharing: Sharing;
  /** Undefined for a manager that is never the centre. */
  readonly centre: Centre | undefined;
  readonly commands: Commands;
  /** Takes one run that has ended or is nobody's. Undefined when somebody living owns it. */
  claim(runId: string): Promise<RunMachine | undefined>;
  /** Leaves the store. Runs of a bundled manager that go on are given to a background manager. */
  close(): Promise<void>;
}

export async function createManager(options: ManagerOptions): Promise<Manager> {
  const { store, files, launcher, home, kind, roles, log, observer } = options;
  const managerId = options.managerId ?? newId();
  const logs = store.openLogs(home);
  const watchers = createWatchers(store, (runId) => {
    const run = loop.runs.get(runId);
    return run === undefined ? undefined : run.seq - run.uncommitted.length;
  });
  const background = createBackground({ ...options, store });
  const limit =
    options.globalLimit === undefined ? null : createGlobalLimit(store, managerId, options.globalLimit);
  const note = (message: string) => log.info(message);
  const schedules = createSchedules(kind, () => manager, note);
  const hooks = createHooks({ ...options, managerId, background, settings: options.hooks, note });
  let executorTrouble: Error | undefined;
  /** Rows of runs whose outputs are about to be journaled. */
  const recorded = new Map<string, NewRecords[]>();
  const isHere = (executorId: string) => loop.executors.has(executorId);
  const aftermath = createAftermath({ kind, home, store, isHere, log });
  const preparer = createPreparer({
    store,
    files,
    environment: options.environment,
    executorsAreLocal: () => launcher.isLocal,
    note: (message) => log.warn(message),
  });

  const troubles = createTroubles((error) => {
    if (error === undefined) log.info('runs go on');
    else log.error('runs wait', { error });
    options.onTrouble?.(error);
  });

  const loop = createLoop({
    async commit(runs) {
      const changes = limit?.changes(runs) ?? { acquire: [], release: [], max: {} };
      const commits = runs.map(({ run, events }) => ({
        ...{ row: rowOf(run), events, deliveries: hooks.deliveriesOf(run, events) },
        ...leavingsOf(run, events, recorded.get(run.runId)),
      }));
      const result = await journaling(observer, runs, () => store.commit(commits, changes));
      // Permits that it counted on were freed: it stood still for so long that it was taken for dead.
      if (result.exceeded.length > 0)
        throw new WizError(
          'resource_exhausted',
          'Permits that this manager counted on were freed while it stood still; it waits until others give theirs back.',
        );
      limit?.committed();
      if (commits.some(({ deliveries }) => deliveries !== undefined)) hooks.wake();
      // Permits came free: what waits for one is looked at again.
      if (changes.release.length > 0) void loop.settled();
      return result;
    },
    permits: limit,
    prepare: (run, tasks) => preparer.prepare(run, tasks),
    conclude,
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
      observer?.committed(run, events);
      for (const { event } of events) {
        if (event.case !== 'attemptEnded') continue;
        logs.finish(run.runId, event.value.report!.processor, event.value.report!.attempt);
      }
      if (run.state === RunState.RUNNING) return;
      forget(run.runId);
      if (run.trigger !== undefined) schedules.wake();
      aftermath.ended(run);
    },
    fenced(runId) {
      forget(runId);
      log.warn('another manager owns the run now', { run: runId });
    },
    storeFailing(error) {
      observer?.storeFailing(error);
      troubles.set('store', error);
    },
    needExecutor: () => fleet.ensure(),
  });

  const fleet: Fleet = createFleet({
    managerId,
    loop,
    launcher,
    connect: options.connect,
    logs,
    files,
    listExecutors: () => store.listExecutors(),
    getRun: (runId) => store.getRun(runId),
    keepsStaging: (runId) => keepsStagingOf(store, runId),
    graceMs: options.executorGraceMs,
    log,
    logsFailing: (error) => troubles.set('logs', error),
    filesFailing: (error) => troubles.set('files', error),
    failed(error) {
      executorTrouble = error;
      if (error === undefined) return;
      log.error('no executor could be had', { error });
      // Who serves others waits for an executor; the runs of a command that gets none would never end.
      if (kind === 'daemon') return;
      for (const runId of loop.runs.keys()) loop.cancel(runId, `No executor could be had: ${error.message}`);
    },
  });

  async function conclude(run: RunMachine): Promise<Conclusion> {
    try {
      const conclusion = await preparer.conclude(run);
      if (conclusion.kind === 'kept') recorded.set(run.runId, conclusion.rows ?? []);
      return conclusion;
    } catch (error) {
      const message = `its outputs could not be kept: ${(error as Error).message.replace(/\.$/, '')}`;
      return { kind: 'fail', reason: 'outputs-failed', message };
    }
  }

  function forget(runId: string): void {
    recorded.delete(runId);
    preparer.forget(runId);
  }

  const commands = createCommands({ store, managerId, loop, note });
  const adoption = createAdoption({ managerId, store, loop, fleet: () => fleet, commands, limit, log });
  const sharing = createSharing({
    ...{ managerId, kind, roles, store, loop, forget, executorsOf, note },
    membership: () => membership,
    adopt: adoption.adopt,
    flush: (executorIds) => fleet.flush(executorIds),
  });
  const centre = mayBeCentre(options)
    ? createCentre({ store, managerId, membership: () => membership, note })
    : undefined;

  const membership = await joinManagers({
    ...{ store, managerId, kind, roles },
    state: () => ({ runs: loop.runs.size, loads: loadsOf(loop) }),
    onBeat: () => rounds.begin(),
    onRejoin() {
      log.warn('this manager was taken for dead; it is back');
      limit?.rejoined();
      sharing.dropForeign().catch((error) => log.warn('runs of others were not dropped', { error }));
    },
  });

  const manager: Manager = {
    managerId,
    home,
    store,
    files,
    preparer,
    logs,
    loop,
    fleet,
    launcher,
    watchers,
    background,
    membership,
    ...{ sharing, centre, commands, log, observer, hooks, schedules },
    trouble: () => troubles.first ?? executorTrouble,
    stuck: () => troubles.first,
    claim: (runId) =>
      sharing.holding(runId, async () => {
        const claimed = await store.claimRun(runId, managerId, await membership.living());
        return claimed && adoption.takeUp(runId, claimed.epoch);
      }),
    async close() {
      // Some of it waits for the loop, which waits until it can write.
      if (troubles.ofStore !== undefined) loop.stop();
      await rounds.close();
      await schedules.close();
      if (troubles.ofStore === undefined) await loop.settled();
      loop.stop();
      await aftermath.done();
      await hooks.close();
      const left = [...loop.runs.keys()];
      await fleet.close();
      await adoption.done();
      watchers.close();
      await logs.close();
      if (left.length > 0) {
        await store.releaseRuns(managerId, left);
        await background.ensure();
      }
      await membership.leave().catch(() => {});
      await files.close();
      await store.close();
    },
  };
  const retention = createRetention({ policy: options.retention, kind, store, background, manager });
  if (retention !== undefined) centre?.onCentre((term) => pruneAsCentre(retention, term, note));
  const rounds = createRounds(manager, { kind, roles, isLimited: limit !== null, retention });
  rounds.begin();
  return manager;
}
