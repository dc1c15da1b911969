import { type AttemptName, createLoop, type Loop, type Outgoing } from '../../manager/engine/loop.ts';
import type { Prepared } from '../../manager/engine/preparation.ts';
import { forEachRunning, type RunMachine } from '../../manager/engine/run.ts';
import type { Task } from '../../manager/graph/processor-node.ts';
import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { ProgressReport, RunReports } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Clock } from './clock.ts';
import { keyOf, type SimExecutor } from './executor.ts';
import type { Link } from './link.ts';
import type { Random } from './random.ts';

/**
 * A manager: the engine's loop as it is, and the sessions around it in the order in which the fleet keeps them
 * (connect, hello with the leases of that moment, welcome, joined; broken, suspended, tried again or lost).
 */
export interface SimManager {
  readonly id: string;
  readonly loop: Loop;
  readonly alive: boolean;
  /** Gets executors. */
  ensure(): void;
  /** Goes on with a run that another manager had. */
  adopt(run: RunMachine): void;
  /** Lets another manager go on with a run; calls when it has let go, and executors have taken all that was sent. */
  give(runId: string, given: () => void): void;
  reports(executorId: string, groups: RunReports[]): void;
  progress(executorId: string, reports: ProgressReport[]): void;
  /** An executor holds the run at this epoch. */
  stale(runId: string, epoch: number): void;
  broken(link: Link): void;
  die(): void;
  /** It dies after so many more batches were sent. */
  dieAfter(sends: number): void;
}

export interface ManagerGround {
  clock: Clock;
  random: Random;
  /** Living executors, as many as there should be. */
  launch(): SimExecutor[];
  executor(id: string): SimExecutor | undefined;
  open(manager: SimManager, executor: SimExecutor): Link;
  commit(manager: SimManager, runs: { run: RunMachine; events: Event[] }[]): Promise<{ fenced: string[] }>;
  committed(manager: SimManager, run: RunMachine, events: Event[]): void;
  /** What is found out about a task before it starts. */
  prepare(run: RunMachine, task: Task): Prepared | Promise<Prepared>;
  died(manager: SimManager): void;
}

/** Virtual milliseconds. */
const LAUNCH_MS = 30;
const RECONNECT_MS = 10;
const CLOSE_MS = 1000;

export function createManager(id: string, ground: ManagerGround): SimManager {
  const { clock, random } = ground;
  const sessions = new Map<string, Link>();
  const connecting = new Map<string, { link: Link; joined: (() => void)[] }>();
  let alive = true;
  let sendsLeft = Number.POSITIVE_INFINITY;
  let ensuring = false;

  /** What was set by a manager does not happen when it is dead. */
  const living = (call: () => void) => () => {
    if (alive) call();
  };

  const loop = createLoop({
    commit: (runs) => ground.commit(manager, runs),
    permits: null,
    prepare: (run, tasks) => tasks.map((task) => ground.prepare(run, task)),
    conclude: async () => ({ kind: 'kept', files: [], records: [] }),
    now: clock.now,
    chance: random.next,
    defer: (tick) => void clock.after(0, living(tick)),
    timer: (ms, ring) => clock.after(ms, living(ring)),
    send,
    committed: (run, events) => ground.committed(manager, run, events),
    fenced: () => {},
    storeFailing: () => {},
    needExecutor: () => ensure(),
  });

  function send(executorId: string, outgoing: Outgoing): void {
    if (!alive) return;
    if (sendsLeft-- <= 0) return die();
    const link = sessions.get(executorId);
    link?.toExecutor(() => link.executor.receive(link, outgoing));
  }

  function ensure(): void {
    if (ensuring) return;
    ensuring = true;
    clock.after(
      LAUNCH_MS,
      living(() => {
        ensuring = false;
        for (const executor of ground.launch()) join(executor, () => {});
      }),
    );
  }

  function join(executor: SimExecutor, then: () => void): void {
    if (sessions.has(executor.id)) return then();
    const pending = connecting.get(executor.id);
    if (pending !== undefined) {
      pending.joined.push(then);
      return;
    }
    const link = ground.open(manager, executor);
    connecting.set(executor.id, { link, joined: [then] });
    const leases = leasesOn(executor.id);
    const asked = new Map(leases.map(({ runId, epoch }) => [runId, epoch]));
    link.toExecutor(() => {
      if (!executor.alive) return link.break();
      const known = new Set(executor.hello(link, leases));
      // The welcome goes before the reports that the hello woke.
      link.toManager(() => welcomed(link, asked, known));
    });
  }

  function welcomed(link: Link, asked: Map<string, number>, known: Set<string>): void {
    const { executor } = link;
    const waiting = connecting.get(executor.id)!.joined;
    connecting.delete(executor.id);
    sessions.set(executor.id, link);
    const knows = (runId: string, name: AttemptName) =>
      asked.get(runId) !== loop.runs.get(runId)?.epoch || known.has(keyOf(runId, name));
    loop.executorJoined(executor.id, executor.slots, knows);
    for (const then of waiting) then();
  }

  function leasesOn(executorId: string): { runId: string; epoch: number }[] {
    const leases = [];
    for (const run of loop.runs.values())
      if (executorsOf(run).includes(executorId)) leases.push({ runId: run.runId, epoch: run.epoch });
    return leases;
  }

  function recover(executorId: string, then: () => void): void {
    const executor = ground.executor(executorId);
    if (executor?.alive) return join(executor, then);
    loop.executorLost(executorId, 'The executor ended while this attempt ran there.');
    ensure();
    then();
  }

  /** The executor ends its half of a session when it has come to the end of this half. */
  function close(executorId: string, then: () => void): void {
    const link = sessions.get(executorId);
    sessions.delete(executorId);
    loop.executorSuspended(executorId);
    if (link === undefined) return then();
    let closed = false;
    const end = living(() => {
      if (closed) return;
      closed = true;
      link.break();
      then();
    });
    link.toExecutor(() => link.toManager(end));
    clock.after(CLOSE_MS, end);
  }

  function rejoin(executorId: string): void {
    close(executorId, () => recover(executorId, () => {}));
  }

  function die(): void {
    if (!alive) return;
    alive = false;
    loop.stop();
    for (const link of sessions.values()) link.break();
    for (const { link } of connecting.values()) link.break();
    ground.died(manager);
  }

  const manager: SimManager = {
    id,
    loop,
    get alive() {
      return alive;
    },
    ensure,
    adopt(run) {
      loop.add(run, { adopted: true });
      void loop.settled().then(() => {
        if (!alive) return;
        for (const executorId of executorsOf(run)) {
          // A session says which runs it is for in its hello: it is made anew.
          const pending = connecting.get(executorId);
          if (pending === undefined) rejoin(executorId);
          else pending.joined.push(() => rejoin(executorId));
        }
        ensure();
      });
    },
    give(runId, given) {
      const run = loop.runs.get(runId);
      if (!alive || run === undefined) return;
      loop.letGo(runId);
      void loop.settled().then(() => {
        if (!alive || loop.runs.has(runId)) return;
        const executors = executorsOf(run);
        let left = executors.length;
        const flushed = (executorId: string) => {
          left -= 1;
          if (left === 0) given();
          recover(executorId, () => {});
        };
        for (const executorId of executors) close(executorId, () => flushed(executorId));
        if (left === 0 && executors.length === 0) given();
      });
    },
    reports(executorId, groups) {
      if (alive) loop.reports(executorId, groups);
    },
    progress(executorId, reports) {
      if (alive) loop.progress(executorId, reports);
    },
    stale(runId, epoch) {
      if (alive) loop.drop(runId, epoch);
    },
    broken(link) {
      const { id: executorId } = link.executor;
      const waiting = connecting.get(executorId);
      const wasConnecting = waiting?.link === link;
      if (!alive || (!wasConnecting && sessions.get(executorId) !== link)) return;
      sessions.delete(executorId);
      if (wasConnecting) connecting.delete(executorId);
      loop.executorSuspended(executorId);
      const then = () => {
        for (const call of wasConnecting ? waiting.joined : []) call();
      };
      clock.after(
        random.int(0, RECONNECT_MS),
        living(() => recover(executorId, then)),
      );
    },
    die,
    dieAfter(sends) {
      sendsLeft = sends;
    },
  };
  return manager;
}

/** Executors on which a run has attempts that have not ended. */
function executorsOf(run: RunMachine): string[] {
  const found = new Set<string>();
  forEachRunning(run, (task) => found.add(task.attempts.at(-1)!.executorId));
  return [...found];
}
