import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type {
  AttemptRef,
  ProgressReport,
  RunAttempts,
  RunReports,
} from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Task } from '../graph/processor-node.ts';
import { assignmentsOf, type Placement } from './assignment.ts';
import { emit, type Resumption, runAdopted } from './events.ts';
import type { LoopGround } from './loop-ground.ts';
import { type AttemptName, attemptRef, newOutgoingBatches, type Outgoing } from './outgoing.ts';
import type { Prepared } from './preparation.ts';
import { nextRetry, promoteRetries } from './readiness.ts';
import { laneOf } from './ready-queue.ts';
import { findTask, forEachRunning, type RunMachine } from './run.ts';
import { type ExecutorLoad, freeRoom, isAhead, newLoad, schedule } from './schedule.ts';
import { keepsStaging } from './staging.ts';
import {
  applyPrepared,
  attemptReported,
  attemptsLost,
  cancelRun,
  progressReported,
  resumeRun,
  settleRun,
} from './transitions.ts';

export type { AttemptName, Outgoing };

/**
 * The loop of a manager: inputs in, journal, then act.
 *
 * A tick takes all inputs that have come, folds them into the runs they are about (events), schedules what
 * became ready (events), and commits the events of all runs at once. Only when the commit holds are the intents
 * carried out: assignments pushed, cancels sent, reports acknowledged, watchers told. Inputs that come during
 * the commit wait for the next tick, which is what makes the groups large when the system is busy.
 *
 *   waiting --input--> due --tick--> committing --held--> acting --> waiting
 *                                        |
 *                                        +--store failed--> failing --1 s--> due
 *
 * What has to be found out before a task may start (see preparation.ts) is asked for within the tick; an answer that
 * comes later is an input.
 *
 * While the store fails nothing is acted upon and nothing new is started; events and intents are kept, and the
 * same commit is tried again.
 */
export interface Loop {
  readonly runs: ReadonlyMap<string, RunMachine>;
  readonly executors: ReadonlyMap<string, ExecutorLoad>;
  /** A run whose journal holds its events so far. `adopted` writes that another manager goes on with it. One
   *  that has ended is kept for `resume`. Ignored when the run is here already, under the same epoch. */
  add(run: RunMachine, options: { adopted: boolean }): void;
  /** Gives a run away: nothing of it is kept here. With `newer`, only if it is here under an older epoch. */
  drop(runId: string, newer?: number): void;
  /** The same for one that another manager is to go on with, unless attempts of it wait to be sent: their start is
   *  journaled, and whoever has the run next would take them for lost. */
  letGo(runId: string): void;
  /** `knows` tells whether the executor still has an attempt; what was sent to it and it does not know is lost. */
  executorJoined(
    executorId: string,
    slots: number,
    knows: (runId: string, attempt: AttemptName) => boolean,
  ): void;
  /** It takes nothing new, or takes work again. */
  executorDraining(executorId: string, draining: boolean): void;
  /** Attempts that are there, as it says. Those that their run has given up are ended there, and forgotten. */
  executorHolds(executorId: string, attempts: RunAttempts[]): void;
  /** Takes it off the schedule while nobody knows whether it lives. From this call until it has joined again
   *  nothing is sent to it: what it was asked about could not count that. */
  executorSuspended(executorId: string): void;
  /** It is gone, and what it ran with it. */
  executorLost(executorId: string, message: string): void;
  reports(executorId: string, reports: RunReports[]): void;
  progress(executorId: string, progress: ProgressReport[]): void;
  /** An attempt that an executor would not take; `preempted`: because it takes nothing any more. */
  refused(
    executorId: string,
    runId: string,
    attempt: AttemptName,
    message: string,
    preempted?: boolean,
  ): void;
  cancel(runId: string, message: string): void;
  /** Ignored while the run goes on. */
  resume(runId: string, resumption: Resumption): void;
  /** Resolves when everything put in so far is committed and acted upon. */
  settled(): Promise<void>;
  /** Stops the timers; nothing is committed any more. */
  stop(): void;
}

/** Milliseconds between tries while the store fails. */
const STORE_RETRY_MS = 1000;
/** Milliseconds for which inputs are gathered while every executor has programs ahead. With 8 slots and programs
 *  of 4 ms the work ahead lasts 4 ms. */
const GATHER_MS = 2;
/** Ended runs that are remembered, so that reports which come again are acknowledged: about 100 bytes each. */
const ENDED_KEPT = 10_000;

export function createLoop(ground: LoopGround): Loop {
  const runs = new Map<string, RunMachine>();
  const executors = new Map<string, ExecutorLoad>();
  const outgoing = newOutgoingBatches();
  /** Runs that ended here, with their epoch. */
  const ended = new Map<string, number>();
  let inputs: (() => void)[] = [];
  let dirty = new Set<RunMachine>();
  let due = false;
  let ticking = false;
  let stopped = false;
  let failing = false;
  let callOffTimer = () => {};
  const waiters: (() => void)[] = [];
  /** Doomed tasks whose executor was told. */
  const told = new WeakSet<Task>();

  function put(input: () => void): void {
    if (stopped) return;
    inputs.push(input);
    wake();
  }

  function wake(): void {
    if (due || ticking || stopped) return;
    due = true;
    const soon = () => {
      due = false;
      void tick();
    };
    // With work sent ahead nobody waits for this tick: it comes later and takes more at once.
    if (executors.size > 0 && [...executors.values()].every(isAhead)) ground.timer(GATHER_MS, soon);
    else ground.defer(soon);
  }

  async function tick(): Promise<void> {
    if (ticking || stopped) return;
    ticking = true;
    try {
      do {
        const taken = inputs;
        inputs = [];
        for (const input of taken) input();
        await start();
        if (!(await journal())) return;
        act();
      } while (inputs.length > 0 && !stopped);
    } finally {
      ticking = false;
    }
    setTimer();
    if (inputs.length > 0) return wake();
    for (const done of waiters.splice(0)) done();
  }

  /** Schedules what is ready, and ends the runs in which nothing can happen any more. */
  async function start(): Promise<void> {
    const now = ground.now();
    if (!failing) {
      prepareDue(now);
      for (const { executorId, draining } of executors.values()) if (draining) unpin(executorId);
      const usable = [...executors.values()].filter(isUsable);
      const placements = await place(usable, now);
      const byRun = new Map<string, Placement[]>();
      for (const placement of placements) {
        const { run, executorId } = placement;
        const key = `${run.runId} ${executorId}`;
        const group = byRun.get(key);
        if (group === undefined) byRun.set(key, [placement]);
        else group.push(placement);
      }
      for (const group of byRun.values()) {
        const { run, executorId } = group[0]!;
        outgoing.assign(executorId, assignmentsOf(run, group));
      }
      if (usable.length === 0 && [...runs.values()].some((run) => run.ready.size() > 0))
        ground.needExecutor();
    }
    for (const run of runs.values()) {
      if (run.uncommitted.length > 0) dirty.add(run);
      if (run.doomed.size > 0) sendDoomed(run);
    }
    for (const run of dirty) if (!settleRun(run, now)) conclude(run);
    // What was let go by something that could not start.
    if (!failing && [...runs.values()].some(hasDue)) inputs.push(() => {});
  }

  function isUsable({ executorId, draining }: ExecutorLoad): boolean {
    return !draining && !outgoing.isSuspended(executorId);
  }

  /** Runs of which nothing is on an executor any more go on elsewhere. */
  function unpin(executorId: string): void {
    for (const run of runs.values()) if (run.pinned === executorId && run.inFlight === 0) run.pinned = '';
  }

  /** Asks about tasks until nothing is answered at once any more: a chain of cached ones is gone through in one tick. */
  function prepareDue(now: number): void {
    for (const run of runs.values()) {
      if (run.cancelRequested) continue;
      for (let tasks = askedNow(run); tasks.length > 0; tasks = askedNow(run)) {
        const answers = ground.prepare(run, tasks);
        for (const [n, task] of tasks.entries()) {
          const answer = answers[n]!;
          if (answer instanceof Promise) void answer.then((prepared) => putPrepared(run, task, prepared));
          else applyPrepared(run, task, answer, now);
        }
        dirty.add(run);
      }
    }
  }

  function askedNow(run: RunMachine): Task[] {
    const tasks: Task[] = [];
    for (const task of run.due) {
      if (task.preparation !== 'due') continue;
      task.preparation = 'asked';
      tasks.push(task);
    }
    return tasks;
  }

  function putPrepared(run: RunMachine, task: Task, prepared: Prepared): void {
    put(() => {
      if (runs.get(run.runId) !== run) return;
      applyPrepared(run, task, prepared, ground.now());
      dirty.add(run);
    });
  }

  function conclude(run: RunMachine): void {
    if (run.concluding) return;
    run.concluding = true;
    void ground.conclude(run).then((conclusion) =>
      put(() => {
        if (runs.get(run.runId) !== run || !run.concluding) return;
        run.concluding = false;
        settleRun(run, ground.now(), conclusion);
        dirty.add(run);
      }),
    );
  }

  /** Instances that are not to go on, because one of them failed. */
  function sendDoomed(run: RunMachine): void {
    for (const task of run.doomed) {
      if (told.has(task)) continue;
      told.add(task);
      const { executorId, attempt } = task.attempts[task.attempts.length - 1]!;
      outgoing.cancel(executorId, run, { processor: task.name, attempt });
    }
  }

  async function place(usable: ExecutorLoad[], now: number): Promise<Placement[]> {
    if (ground.permits === null) return schedule(runs.values(), usable, Number.POSITIVE_INFINITY, now);
    let wanted = 0;
    for (const run of runs.values()) {
      promoteRetries(run, now);
      wanted += run.ready.size();
    }
    const placements = schedule(runs.values(), usable, await ground.permits.reserve(wanted), now);
    ground.permits.assigned(placements);
    return placements;
  }

  /** False when the store failed: everything is kept for the next try. */
  async function journal(): Promise<boolean> {
    const commits = [...dirty].map((run) => ({ run, events: run.uncommitted }));
    const written = commits.filter(({ events }) => events.length > 0);
    if (written.length === 0) return true;
    try {
      const { fenced } = await ground.commit(written);
      for (const runId of fenced) {
        forget(runId);
        ground.fenced(runId);
      }
      // The room that they had is for others now.
      if (fenced.length > 0) inputs.push(() => {});
    } catch (error) {
      failing = true;
      ground.storeFailing(error as Error);
      callOffTimer();
      callOffTimer = ground.timer(STORE_RETRY_MS, wake);
      return false;
    }
    if (failing) {
      failing = false;
      ground.storeFailing(undefined);
      // What became ready meanwhile.
      inputs.push(() => {});
    }
    dirty = new Set();
    for (const { run, events } of written) {
      run.uncommitted = [];
      if (!runs.has(run.runId)) continue;
      ground.committed(run, events);
      if (run.state !== RunState.RUNNING && events.at(-1)!.event.case === 'runEnded') retire(run);
    }
    return true;
  }

  function retire(run: RunMachine): void {
    runs.delete(run.runId);
    ended.set(run.runId, run.epoch);
    const keep = keepsStaging(run.spec, run.state);
    for (const executorId of run.executors) {
      if (executors.has(executorId)) outgoing.endRun(executorId, run, keep);
    }
    if (ended.size > ENDED_KEPT) ended.delete(ended.keys().next().value!);
  }

  function act(): void {
    for (const [executorId, batch] of outgoing.take()) ground.send(executorId, batch);
  }

  function setTimer(): void {
    if (failing) return;
    callOffTimer();
    let next = Number.POSITIVE_INFINITY;
    for (const run of runs.values()) if (run.retrying.size > 0) next = Math.min(next, nextRetry(run));
    if (next < Number.POSITIVE_INFINITY) callOffTimer = ground.timer(Math.max(0, next - ground.now()), wake);
  }

  function forget(runId: string): void {
    const run = runs.get(runId);
    if (run === undefined) return;
    runs.delete(runId);
    dirty.delete(run);
    outgoing.forgetRun(runId);
    forEachRunning(run, (task) => freeRoom(executors, task.attempts.at(-1)!.executorId, task));
  }

  function takeReports(executorId: string, groups: RunReports[]): void {
    const now = ground.now();
    for (const { runId, epoch, reports } of groups) {
      const run = runs.get(runId);
      const over: AttemptRef[] = [];
      for (const report of reports) {
        const task =
          run === undefined ? undefined : attemptReported(run, report, executorId, epoch, now, ground.chance);
        if (task !== undefined) {
          dirty.add(run!);
          freeRoom(executors, executorId, task, report.endedUnixMs - report.startedUnixMs);
        } else if (run !== undefined && !isOver(run, report)) {
          continue;
        }
        over.push(attemptRef(report.processor, report.attempt));
      }
      acknowledge(executorId, runId, over);
    }
  }

  /** What is refused because it is over is acknowledged too: the executor need not keep it. */
  function acknowledge(executorId: string, runId: string, attempts: AttemptRef[]): void {
    // The owner's epoch: reports of attempts that an owner before it assigned carry an older one. Of a run that
    // is neither here nor ended here, another manager acknowledges.
    const epoch = runs.get(runId)?.epoch ?? ended.get(runId);
    if (epoch !== undefined && attempts.length > 0) outgoing.acknowledge(executorId, runId, epoch, attempts);
  }

  function lose(
    executorId: string,
    message: string,
    isLost: (runId: string, name: AttemptName) => boolean,
    preempted = false,
  ): void {
    const now = ground.now();
    for (const run of runs.values()) {
      const lost = (task: Task, where: string) => {
        if (where !== executorId || !isLost(run.runId, { processor: task.name, attempt: task.attempt }))
          return false;
        freeRoom(executors, executorId, task);
        return true;
      };
      attemptsLost(run, lost, message, now, ground.chance, preempted);
      if (run.uncommitted.length > 0) dirty.add(run);
    }
  }

  function join(
    executorId: string,
    slots: number,
    knows: (runId: string, name: AttemptName) => boolean,
  ): void {
    const load = newLoad(executorId, slots);
    executors.set(executorId, load);
    for (const run of runs.values()) countRunning(run, load);
    lose(
      executorId,
      'The executor does not know this attempt any more.',
      (runId, name) => !knows(runId, name) && !outgoing.holds(executorId, runId, name),
    );
    for (const run of runs.values()) {
      if (run.cancelRequested) sendCancels(run);
      for (const task of run.doomed) told.delete(task);
      if (run.doomed.size > 0) sendDoomed(run);
    }
  }

  function countRunning(run: RunMachine, load: ExecutorLoad): void {
    forEachRunning(run, (task) => {
      if (task.attempts.at(-1)!.executorId === load.executorId) load[laneOf(task)] += 1;
    });
  }

  function sendCancels(run: RunMachine, message = ''): void {
    for (const task of cancelRun(run, message, ground.now())) {
      const { executorId, attempt } = task.attempts[task.attempts.length - 1]!;
      outgoing.cancel(executorId, run, { processor: task.name, attempt });
    }
    dirty.add(run);
  }

  return {
    runs,
    executors,
    add: (run, { adopted }) =>
      put(() => {
        const here = runs.get(run.runId);
        if (here !== undefined && here.epoch >= run.epoch) return;
        if (here !== undefined) forget(run.runId);
        ended.delete(run.runId);
        runs.set(run.runId, run);
        if (!executors.has(run.pinned) && run.inFlight === 0) run.pinned = '';
        for (const load of executors.values()) countRunning(run, load);
        if (adopted) emit(run, ground.now(), runAdopted(run.managerId!, run.epoch));
        dirty.add(run);
      }),
    drop: (runId, newer = Number.POSITIVE_INFINITY) =>
      put(() => {
        const run = runs.get(runId);
        if (run !== undefined && run.epoch < newer) forget(runId);
      }),
    letGo: (runId) =>
      put(() => {
        if (!outgoing.holdsRun(runId)) forget(runId);
      }),
    executorJoined(executorId, slots, knows) {
      const breaks = outgoing.breaks(executorId);
      put(() => {
        outgoing.resume(executorId, breaks);
        join(executorId, slots, knows);
      });
    },
    executorDraining: (executorId, draining) =>
      put(() => {
        const load = executors.get(executorId);
        if (load !== undefined) load.draining = draining;
      }),
    executorHolds: (executorId, groups) =>
      put(() => {
        for (const { runId, attempts } of groups) {
          const run = runs.get(runId);
          const over = run === undefined ? [] : attempts.filter((name) => !isAt(run, name, executorId));
          if (over.length > 0) outgoing.supersede(executorId, run!, over);
        }
      }),
    // At once, because a commit may be under way after which something would be sent.
    executorSuspended: (executorId) => outgoing.suspend(executorId),
    executorLost: (executorId, message) =>
      put(() => {
        executors.delete(executorId);
        outgoing.forgetExecutor(executorId);
        for (const run of runs.values()) if (run.pinned === executorId) run.pinned = '';
        lose(executorId, message, () => true);
      }),
    reports: (executorId, groups) => put(() => takeReports(executorId, groups)),
    progress: (_executorId, progress) =>
      put(() => {
        for (const report of progress) {
          const run = runs.get(report.runId);
          if (run === undefined) continue;
          progressReported(run, report, ground.now());
          if (run.uncommitted.length > 0) dirty.add(run);
        }
      }),
    refused: (executorId, runId, name, message, preempted) =>
      put(() => {
        const isIt = (id: string, { processor, attempt }: AttemptName) =>
          id === runId && processor === name.processor && attempt === name.attempt;
        lose(executorId, message, isIt, preempted);
      }),
    cancel: (runId, message) =>
      put(() => {
        const run = runs.get(runId);
        if (run !== undefined) sendCancels(run, message);
      }),
    resume: (runId, resumption) =>
      put(() => {
        const run = runs.get(runId);
        if (run === undefined || run.state === RunState.RUNNING) return;
        resumeRun(run, resumption, ground.now());
        dirty.add(run);
      }),
    settled: () =>
      new Promise((resolve) => {
        if (stopped) return resolve();
        waiters.push(resolve);
        put(() => {});
      }),
    stop: () => {
      stopped = true;
      callOffTimer();
      for (const done of waiters.splice(0)) done();
    },
  };
}

function hasDue(run: RunMachine): boolean {
  if (run.cancelRequested) return false;
  for (const { preparation } of run.due) if (preparation === 'due') return true;
  return false;
}

/** Whether it is the attempt with which the run goes on, and is on this executor. */
function isAt(run: RunMachine, { processor, attempt }: AttemptName, executorId: string): boolean {
  const task = findTask(run, processor);
  if (task?.state !== ProcessorState.RUNNING || task.attempt !== attempt) return false;
  return task.attempts.at(-1)!.executorId === executorId;
}

/** Whether an attempt has ended, as far as this run knows. */
function isOver(run: RunMachine, { processor, attempt }: AttemptName): boolean {
  const task = findTask(run, processor);
  if (task === undefined) return true;
  return attempt < task.attempt || (attempt === task.attempt && task.state !== ProcessorState.RUNNING);
}
