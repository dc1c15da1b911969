import {
  type Event,
  type OutputsKept,
  ProcessorState,
  type RunCreated,
  RunState,
  type RunTrigger,
} from '../../proto/gen/wiz/v1/events_pb.js';
import type { TraceContext } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Task } from '../graph/processor-node.ts';
import { buildRunGraph, type RunGraph } from '../graph/run-graph.ts';
import { parseSpec } from '../spec/complete.ts';
import type { JsonObject, PipelineSpec } from '../spec/spec.ts';
import { letStart } from './readiness.ts';
import { newReadyQueue, type ReadyQueue } from './ready-queue.ts';

/**
 * A run in memory: the fold of its journal. `evolve` (evolve.ts) is the only way it changes, so that a manager that reads
 * the journal again stands exactly where the one before it stood.
 *
 *   run        Running -> Succeeded | Failed, and Running again when it is resumed
 *   processor  Idle -> Running -> Succeeded | Failed
 *              Running -> Idle when it will be tried again
 *              Idle stays Idle, settled, when something before it failed or the run was cancelled
 *
 * A processor is *settled* when nothing more happens to it. The run ends when all are.
 *
 * A processor with `each` or `matrix` is Running from when its list is known until its instances have ended; they are
 * tasks of their own, see graph/processor-node.ts.
 */
export interface RunMachine {
  readonly runId: string;
  readonly pipeline: string;
  readonly version: number;
  readonly createdMs: number;
  readonly labels: Record<string, string>;
  readonly paramsJson: string;
  readonly params: JsonObject;
  readonly context: Record<string, string>;
  /** Nothing is taken from the cache. */
  readonly noCache: boolean;
  /** The span of whoever started it, or resumed it last. */
  trace: TraceContext | undefined;
  /** Number and time of the event that did. */
  begunSeq: number;
  begunMs: number;
  /** What started it by itself. */
  readonly trigger: RunTrigger | undefined;
  spec: PipelineSpec;
  graph: RunGraph;

  state: RunState;
  reason: string;
  message: string;
  endedMs: number;
  warnings: string[];
  cancelRequested: boolean;
  cancelMessage: string;
  /** Number of the last event. */
  seq: number;
  epoch: number;
  managerId: string | null;

  /** Processors by state, and those that are not settled. */
  idle: number;
  running: number;
  failed: number;
  succeeded: number;
  open: number;
  /** Attempts that run, those of instances among them. */
  inFlight: number;

  /** Ready to start. */
  readonly ready: ReadyQueue;
  /** Let go by their needs, and not prepared yet. */
  readonly due: Set<Task>;
  /** Waiting for their next try. */
  readonly retrying: Set<Task>;
  /** Of instances, by `failFast`: to be cancelled where they run. */
  readonly doomed: Set<Task>;
  /** Executors that have had attempts of it. */
  readonly executors: Set<string>;
  /** With `affinity: run`, the executor that has the run; empty is none yet. */
  pinned: string;
  /** Processors that were skipped. */
  skips: number;
  /** Context keys that several processors set at once, and whose value holds, for people. */
  readonly conflicts: Map<string, string>;
  /** What it leaves; undefined before its end, and when it leaves nothing. */
  outputs: OutputsKept | undefined;
  /** Whether its outputs are being found out. */
  concluding: boolean;
  /** Events that no commit holds yet. */
  uncommitted: Event[];
}

/** The machine of a run as its first event makes it. `parsed` is the event's spec, for whoever has it at hand:
 *  parsing that of 20,000 processors takes 40 ms. */
export function newRunMachine(
  event: Event,
  managerId: string | null,
  epoch: number,
  parsed?: PipelineSpec,
): RunMachine {
  if (event.event.case !== 'runCreated')
    throw new Error(`A journal starts with runCreated, not ${event.event.case}`);
  const created: RunCreated = event.event.value;
  const spec = parsed ?? parseSpec(created.specJson);
  const run: RunMachine = {
    runId: created.runId,
    pipeline: created.pipeline,
    version: created.version,
    createdMs: event.unixMs,
    labels: created.labels,
    paramsJson: created.paramsJson,
    params: JSON.parse(created.paramsJson) as JsonObject,
    context: created.context,
    noCache: created.noCache,
    trace: created.trace,
    begunSeq: event.seq,
    begunMs: event.unixMs,
    trigger: created.trigger,
    spec,
    graph: buildRunGraph(spec, created.context),
    state: RunState.RUNNING,
    reason: '',
    message: '',
    endedMs: 0,
    warnings: [],
    cancelRequested: false,
    cancelMessage: '',
    seq: event.seq,
    epoch,
    managerId,
    idle: spec.processors.length,
    running: 0,
    failed: 0,
    succeeded: 0,
    open: spec.processors.length,
    inFlight: 0,
    ready: newReadyQueue(),
    due: new Set(),
    retrying: new Set(),
    doomed: new Set(),
    executors: new Set(),
    pinned: '',
    skips: 0,
    conflicts: new Map(),
    outputs: undefined,
    concluding: false,
    uncommitted: [],
  };
  run.graph.forEachNode((_, node) => {
    if (node.waiting === 0) letStart(run, node, event.unixMs);
  });
  return run;
}

/** The processor or instance of a name; undefined when there is none. */
export function findTask(run: RunMachine, name: string): Task | undefined {
  if (!name.endsWith(']')) return run.graph.hasNode(name) ? run.graph.getNodeAttributes(name) : undefined;
  const bracket = name.lastIndexOf('[');
  const owner = name.slice(0, bracket);
  if (!run.graph.hasNode(owner)) return undefined;
  return run.graph.getNodeAttributes(owner).instances?.tasks[Number(name.slice(bracket + 1, -1))];
}

/** Every task whose attempt runs. */
export function forEachRunning(run: RunMachine, visit: (task: Task) => void): void {
  if (run.inFlight === 0) return;
  const look = (task: Task) => {
    if (task.state === ProcessorState.RUNNING) visit(task);
  };
  run.graph.forEachNode((_, node) => {
    if (node.instances === undefined) look(node);
    else if (node.instances.running > 0) node.instances.tasks.forEach(look);
  });
}
