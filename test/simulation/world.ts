import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { whatToResume } from '../../manager/api/resume.ts';
import { actionMessage } from '../../manager/engine/assignment.ts';
import type { Prepared, ReadyAction } from '../../manager/engine/preparation.ts';
import { laneOf } from '../../manager/engine/ready-queue.ts';
import { forEachRunning, newRunMachine, type RunMachine } from '../../manager/engine/run.ts';
import type { Task as EngineTask } from '../../manager/graph/processor-node.ts';
import { type Event, ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { createChaos } from './chaos.ts';
import { createClock } from './clock.ts';
import { createDurable } from './durable.ts';
import { createExecutor, type Deed, type Held, keyOf, type SimExecutor } from './executor.ts';
import { judgeRun } from './judge.ts';
import { createLinks } from './link.ts';
import { createManager, type SimManager } from './manager.ts';
import { indexOf, ownerOf } from './names.ts';
import { createRandom } from './random.ts';
import type { Task } from './reference.ts';
import { makeScenario, randomFailures, type SimulatedRun } from './scenario.ts';
import { sameAsRebuilt } from './standing.ts';

/**
 * One seed: runs, managers, executors and what befalls them, in virtual time until nothing is left to happen.
 * Throws when the system broke a rule, on the way or at the end.
 */
export interface Outcome {
  /** The same for the same seed. */
  trace: string;
  events: number;
  processors: number;
  /** What happened how often, to see that the simulation is worth something. */
  happened: Map<string, number>;
}

const START_MS = 1_000_000;
/** Far more than any seed needs: reaching it means that the world runs in circles. */
const STEP_LIMIT = 400_000;
/** Virtual milliseconds after which somebody asks again for a resume that did not come to be because its manager
 *  died or lost the run; longer than the store ever fails. */
const ASK_AGAIN_MS = 30_000;

export async function simulate(seed: number): Promise<Outcome> {
  const random = createRandom(seed);
  const clock = createClock(START_MS);
  const scenario = makeScenario(random);
  const durable = createDurable();
  const links = createLinks(clock, random);
  const executors = new Map<string, SimExecutor>();
  const managers: SimManager[] = [];
  const executed = new Set<string>();
  const runs = new Map<string, SimulatedRun>(scenario.runs.map((run) => [run.runId, run]));
  const chaos = createChaos({
    scenario,
    clock,
    random,
    durable,
    links,
    executors,
    managers,
    startManager,
    takeOver,
    handOver,
    ended: (runId) => void clock.after(random.int(0, 50), () => resume(runId)),
  });

  function startManager(): SimManager {
    const manager = createManager(`m${managers.length + 1}`, {
      clock,
      random,
      launch,
      executor: (id) => executors.get(id),
      open: links.open,
      commit: (committer, commits) => chaos.commit(committer, commits),
      committed,
      prepare,
      died(dead) {
        chaos.lost('manager died');
        clock.after(random.int(1, 60), () => takeOver(dead.id));
      },
    });
    managers.push(manager);
    return manager;
  }

  /** Keeps as many executors alive as there should be. */
  function launch(): SimExecutor[] {
    const living = [...executors.values()].filter(({ alive }) => alive);
    for (const slots of scenario.executors.slice(living.length)) {
      const id = `e${executors.size + 1}`;
      const executor = createExecutor(id, slots, { clock, execute, acknowledged, killed: chaos.kill });
      executors.set(id, executor);
      living.push(executor);
    }
    return living;
  }

  /** Runs of a manager that is gone, or is taken to be, go to another. */
  function takeOver(from: string): void {
    const orphans = [...durable.runs.values()].filter(
      ({ owner, rules }) => owner === from && rules.state === RunState.RUNNING,
    );
    if (orphans.length === 0) return;
    const manager = anotherManager(from);
    for (const { runId } of orphans) {
      const epoch = durable.claim(runId, manager.id);
      manager.adopt(Object.assign(durable.rebuild(runId), { managerId: manager.id, epoch }));
      chaos.lost('taken over');
    }
  }

  /** A run goes to another manager while both are well. */
  function handOver(runId: string): void {
    const stored = durable.runs.get(runId)!;
    const from = managers.find(({ id }) => id === stored.owner)!;
    const { epoch } = stored;
    from.give(runId, () => {
      if (stored.owner !== from.id || stored.epoch !== epoch || stored.rules.state !== RunState.RUNNING)
        return;
      const to = anotherManager(from.id);
      const machine = Object.assign(durable.rebuild(runId), { managerId: to.id });
      to.adopt(Object.assign(machine, { epoch: durable.claim(runId, to.id) }));
      // An acknowledgement that waited for its session is the next owner's, if it has to do with the executor.
      chaos.lost('handed over');
    });
  }

  function anotherManager(than: string): SimManager {
    const others = managers.filter(({ id, alive }) => alive && id !== than);
    return others.length > 0 && random.chance(0.5) ? random.pick(others) : startManager();
  }

  function execute(held: Held): Deed {
    const { runId, processor, attempt } = held;
    const key = keyOf(runId, held);
    const standing = durable.runs.get(runId)!.rules.processors.get(processor)!;
    assert.ok(!executed.has(key), `${key} is executed a second time`);
    executed.add(key);
    assert.ok(attempt <= standing.attempt, `${key} is executed though no journal has its start`);
    for (const other of executors.values()) {
      for (const there of other.held.values()) {
        const same = there.runId === runId && there.processor === processor && there.attempt !== attempt;
        assert.ok(!same || there.phase !== 'running', `${key} is executed while an attempt before it is`);
      }
    }
    const task = runs.get(runId)!.tasks.find(({ name }) => name === ownerOf(processor))!;
    const failures = task.items === null ? task.failures : task.items[indexOf(processor)]!;
    // Some take longer than the wait after a loss, so that two attempts would be seen at once.
    const longest = random.chance(0.04) ? 1500 : 40;
    const ms = held.lane === 'call' && random.chance(0.5) ? 0 : random.int(0, longest);
    const outcome = task.kills ? 'kills' : standing.failures < failures ? 'fails' : 'succeeds';
    return { ms, outcome, progress: random.chance(scenario.trouble.progress) };
  }

  function acknowledged({ runId, processor, attempt }: Held): void {
    const standing = durable.runs.get(runId)!.rules.processors.get(processor);
    // An instance of a list that there is no more.
    if (standing === undefined) return;
    const ended = attempt < standing.attempt || standing.state !== ProcessorState.RUNNING;
    assert.ok(ended, `${runId}/${processor}/${attempt} is acknowledged before its end is durable`);
  }

  function committed(manager: SimManager, run: RunMachine, events: Event[]): void {
    const stored = durable.runs.get(run.runId)!;
    assert.ok(events.at(-1)!.seq <= stored.seq, `${run.runId}: watchers are told what is not durable`);
    if (stored.owner !== manager.id || stored.seq !== run.seq) return;
    const ended = run.state !== RunState.RUNNING;
    if (ended || random.chance(1 / (5 + run.graph.order))) {
      sameAsRebuilt(run, durable);
      loadsAreTrue(manager);
    }
  }

  /** Somebody asks to go on with a run that ended, through any living manager. */
  function resume(runId: string): void {
    const run = runs.get(runId)!;
    const stored = durable.runs.get(runId)!;
    if (stored.rules.state === RunState.RUNNING || stored.rules.resumed >= run.resumes) return;
    judgeRun(run, stored.rules);
    const owner = managers.find(({ id }) => id === stored.owner)!;
    const manager = owner.alive ? owner : anotherManager(owner.id);
    const machine = durable.rebuild(runId);
    const names = run.tasks.map(({ name }) => name);
    const from = machine.state === RunState.SUCCEEDED || random.chance(0.3) ? [random.pick(names)] : [];
    // Sometimes it was mended meanwhile, sometimes it is something else that fails.
    mend(run.tasks);
    const processors = whatToResume(machine, from, undefined);
    const epoch = owner.alive ? stored.epoch : durable.claim(runId, manager.id);
    manager.loop.add(Object.assign(machine, { managerId: manager.id, epoch }), { adopted: true });
    const ask = () => {
      manager.loop.resume(runId, { processors, specJson: '', from });
      manager.ensure();
    };
    if (random.chance(0.5)) ask();
    else clock.after(random.int(0, 5), ask);
    chaos.note('resumed');
    const life = stored.rules.resumed;
    clock.after(ASK_AGAIN_MS, () => {
      const lost = stored.rules.resumed === life && stored.owner === manager.id && manager.alive;
      assert.ok(!lost, `${manager.id} was asked to resume ${runId} and never did`);
      resume(runId);
    });
  }

  function mend(tasks: Task[]): void {
    const all = random.chance(0.5);
    for (const task of tasks) {
      task.kills = false;
      const mended = () => (all ? 0 : randomFailures(random, 0.1));
      task.failures = mended();
      task.items = task.items?.map((failures) => (failures < 0 ? failures : mended())) ?? null;
    }
  }

  /** Some is found out at once, some later. */
  function prepare(run: RunMachine, task: EngineTask): Prepared | Promise<Prepared> {
    const answer = answerOf(run, task);
    if (random.chance(0.6)) return answer;
    return new Promise((resolve) => void clock.after(random.int(0, 30), () => resolve(answer)));
  }

  function answerOf(run: RunMachine, { node, index }: EngineTask): Prepared {
    const { answer, items } = runs.get(run.runId)!.tasks.find(({ name }) => name === node.name)!;
    const action: ReadyAction = {
      action: actionMessage(node.spec.action),
      environment: {},
      inputJson: '',
      needs: [],
      secrets: [],
      inputs: [],
    };
    chaos.note(index >= 0 ? 'instance prepared' : items === null ? answer : 'expanded');
    if (index < 0 && answer === 'skips') return { kind: 'skip', message: 'It is not wanted.' };
    if ((index < 0 && answer === 'reused') || items?.[index] === -1) return REUSED;
    if (index >= 0 || items === null) return { kind: 'start', action, cache: undefined };
    return { kind: 'expand', count: items.length, actionOf: () => action };
  }

  /** The room that the scheduler counts is what runs. */
  function loadsAreTrue(manager: SimManager): void {
    for (const load of manager.loop.executors.values()) {
      const count = { program: 0, call: 0 };
      for (const run of manager.loop.runs.values())
        forEachRunning(run, (task) => {
          if (task.attempts.at(-1)!.executorId === load.executorId) count[laneOf(task)] += 1;
        });
      const { executorId, program, call } = load;
      assert.deepEqual({ program, call }, count, `${manager.id}'s count of what runs on ${executorId}`);
    }
  }

  for (let i = 0; i < scenario.managers; i++) startManager();
  for (const { runId, spec } of scenario.runs) {
    const manager = random.pick(managers);
    const event = createdEvent(runId, spec, START_MS);
    durable.create(runId, event, spec, manager.id);
    manager.loop.add(newRunMachine(event, manager.id, 1), { adopted: false });
    manager.ensure();
  }
  chaos.start();
  // What throws within the loop is a rejected promise of nobody's.
  process.on('unhandledRejection', clock.fail);
  try {
    await clock.run(STEP_LIMIT);
  } finally {
    process.off('unhandledRejection', clock.fail);
  }

  for (const [runId, run] of runs) judgeRun(run, durable.runs.get(runId)!.rules);
  for (const manager of managers) {
    if (!manager.alive) continue;
    loadsAreTrue(manager);
    for (const { runId } of manager.loop.runs.values())
      assert.notEqual(
        durable.runs.get(runId)!.owner,
        manager.id,
        `${manager.id} keeps ${runId}, which ended`,
      );
  }
  for (const executor of executors.values()) {
    for (const [key, { phase }] of executor.held) {
      assert.equal(phase, 'ended', `${key} still is on ${executor.id}`);
      assert.ok(chaos.acksLost.has(key), `the report of ${key} was never acknowledged`);
    }
  }
  return outcome();

  function outcome(): Outcome {
    const hash = createHash('sha256');
    let events = 0;
    let processors = 0;
    for (const { batches, seq, rules } of durable.runs.values()) {
      for (const batch of batches) hash.update(batch);
      events += seq;
      processors += rules.processors.size;
    }
    for (const key of executed) hash.update(key);
    return { trace: hash.digest('hex'), events, processors, happened: chaos.happened };
  }
}

const REUSED: Prepared = {
  kind: 'reuse',
  cache: {
    $typeName: 'wiz.v1.CacheDecision',
    key: 'key',
    verdict: 'reused',
    reason: '',
    runId: 'another',
    attempt: 1,
    parts: {},
  },
  output: undefined,
  context: { REUSED: 'yes' },
  files: [],
  inputs: [],
};

function createdEvent(runId: string, spec: SimulatedRun['spec'], unixMs: number): Event {
  return {
    $typeName: 'wiz.v1.Event',
    seq: 1,
    unixMs,
    event: {
      case: 'runCreated',
      value: {
        $typeName: 'wiz.v1.RunCreated',
        runId,
        pipeline: spec.name,
        version: 1,
        specJson: JSON.stringify(spec),
        paramsJson: '{}',
        context: spec.context,
        labels: {},
        noCache: false,
      },
    },
  };
}
