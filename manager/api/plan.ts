import { availableParallelism } from 'node:os';
import { WizError } from '../../proto/error.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import {
  type PlannedProcessor,
  type PlanRunResponse,
  PlanVerdict,
  type StartRunRequest,
} from '../../proto/gen/wiz/v1/runs_pb.js';
import type { RunMachine } from '../engine/run.ts';
import { CALLS_IN_FLIGHT } from '../engine/schedule.ts';
import type { ProcessorNode } from '../graph/processor-node.ts';
import { readRun } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { type Foreseen, foresee } from '../prepare/foresee.ts';
import { buildRun } from '../start-run.ts';
import { given, specOf } from './run-service.ts';
import { addTimes, enoughTimes, medianOf, type Times } from './run-times.ts';

/** Runs that are looked at for how long processors take. Those in which everything was cached tell nothing. */
const RUNS = 20;

/** What a run would do, by the same questions that it would ask. Nothing is stored and nothing executed. Throws WizError
 *  as starting the run would. */
export async function planRun(
  manager: Manager,
  start: StartRunRequest | undefined,
): Promise<PlanRunResponse> {
  if (start === undefined) throw new WizError('invalid_argument', 'What is to be planned? Give a run.');
  const { run } = await buildRun(manager, { ...given(start), ...(await specOf(manager, start)) });
  try {
    const foreseen = await foresee(run, manager.preparer);
    const times = await timesOf(manager, run);
    const slots = slotsOf(manager);
    const processors = run.spec.processors.map(({ name }): PlannedProcessor => {
      const { verdict, reason, instances, cachedInstances } = foreseen.get(name)!;
      const node = run.graph.getNodeAttributes(name);
      const expectedMs = expectedOf(node, foreseen.get(name)!, times, slots) ?? -1;
      return {
        $typeName: 'wiz.v1.PlannedProcessor',
        name,
        verdict,
        reason,
        instances,
        cachedInstances,
        expectedMs,
      };
    });
    return {
      $typeName: 'wiz.v1.PlanRunResponse',
      pipeline: run.pipeline,
      processors,
      expectedMs: longestWay(run, processors),
    };
  } finally {
    manager.preparer.forget(run.runId);
  }
}

async function timesOf({ store }: Manager, run: RunMachine): Promise<Times> {
  const times: Times = new Map();
  const names = run.spec.processors.map(({ name }) => name);
  const rows = await store.listRuns({ pipeline: run.pipeline, states: [RunState.SUCCEEDED], limit: RUNS });
  for (const { runId } of rows) {
    addTimes(times, await readRun(store, runId));
    if (enoughTimes(times, names)) break;
  }
  return times;
}

/** Programs at once. */
function slotsOf({ loop }: Manager): number {
  let slots = 0;
  for (const executor of loop.executors.values()) slots += executor.slots;
  return slots || availableParallelism();
}

/** Milliseconds; undefined when it was never executed. */
function expectedOf(
  { spec }: ProcessorNode,
  { instances, cachedInstances }: Foreseen,
  times: Times,
  slots: number,
): number | undefined {
  const known = times.get(spec.name);
  if (known === undefined) return undefined;
  const each = medianOf(known.map(({ ms }) => ms));
  const counts = known.map(({ count }) => count).filter((count) => count > 0);
  if (spec.each === null && spec.matrix === null) return each;
  const count = instances > 0 ? instances - cachedInstances : counts.length > 0 ? medianOf(counts) : 1;
  const room = spec.action.kind === 'call' ? CALLS_IN_FLIGHT : slots;
  return each * Math.ceil(count / Math.min(room, spec.width ?? room));
}

/** Milliseconds of the longest chain of what runs, or may. */
function longestWay({ graph }: RunMachine, processors: PlannedProcessor[]): number {
  const own = new Map(
    processors.map(({ name, verdict, expectedMs }) => [
      name,
      verdict === PlanVerdict.RUN || verdict === PlanVerdict.OPEN ? Math.max(0, expectedMs) : 0,
    ]),
  );
  const ends = new Map<string, number>();
  const waiting = new Map(graph.mapNodes((name) => [name, graph.inDegree(name)]));
  const open = graph.nodes().filter((name) => waiting.get(name) === 0);
  for (const name of open) {
    const end = (ends.get(name) ?? 0) + own.get(name)!;
    ends.set(name, end);
    graph.forEachOutNeighbor(name, (next) => {
      ends.set(next, Math.max(ends.get(next) ?? 0, end));
      waiting.set(next, waiting.get(next)! - 1);
      if (waiting.get(next) === 0) open.push(next);
    });
  }
  return Math.max(0, ...ends.values());
}
