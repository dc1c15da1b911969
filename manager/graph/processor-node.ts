import type { CacheDecision, Data, File } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ReadyAction, Unready } from '../engine/preparation.ts';
import type { ProcessorSpec } from '../spec/spec.ts';

/**
 * Something that is tried: a processor, or one instance of a processor with `each` or `matrix`. Instances are rows of
 * their node and no nodes of the graph: 100,000 of them cost an object each.
 */
export interface Task {
  /** Of a processor its name; of an instance `NAME[INDEX]`. */
  readonly name: string;
  /** The processor; itself, unless this is an instance. */
  readonly node: ProcessorNode;
  /** From 0; -1 for a processor. */
  readonly index: number;

  state: ProcessorState;
  reason: string;
  message: string;
  /** Nothing more happens to it in this run: it ended, or it never starts (upstream-failed, skipped, cancelled). */
  settled: boolean;
  /** It failed, and `onFailure: warn` lets the run go on. */
  warning: boolean;

  /** Place in the queue of what is ready; -1 when it is not there. */
  place: number;
  /** Of an instance: counted against `width`, as it is in that queue or runs. */
  admitted: boolean;
  /** Unix ms before which it is not tried again; 0 is at once. */
  retryAt: number;
  /** Unix ms at which its needs had let it go; 0 before. */
  readyMs: number;

  /** Number of the last attempt, from 1; 0 is none yet. Of a processor with instances: of those it had before. */
  attempt: number;
  attempts: AttemptRecord[];
  /** Failures since the run began or was resumed, by who pays for them. */
  appFailures: number;
  infraFailures: number;

  output: Data | undefined;
  /** What it left in WIZ_FILES; undefined is nothing. */
  files: File[] | undefined;
  /** What it added to the context; undefined is nothing. */
  added: Record<string, string> | undefined;
  /** Of the last attempt, or of what was reused; undefined without cache. */
  cache: CacheDecision | undefined;
  /** It was asked for by name (retry --from): nothing is taken from the cache. */
  again: boolean;

  /** What was found out about it before it could start, see engine/preparation.ts. */
  preparation: 'none' | 'due' | 'asked' | 'done';
  prepared: ReadyAction | undefined;

  /** 0 to 1; negative when none was reported. */
  progress: number;
  progressMessage: string;
}

/**
 * The attributes of one node of a RunGraph: what the processor is, and how it stands in this run. They are the
 * node's own object: reached by name through the graph, and changed in place.
 */
export interface ProcessorNode extends Task {
  /** Place in the file; among ready processors the earlier one starts first. */
  readonly order: number;
  readonly spec: ProcessorSpec;
  /** Needs that have not ended yet, and those that have, by how. */
  waiting: number;
  needsSucceeded: number;
  needsFailed: number;
  needsSkipped: number;
  /** What it inherits: the run's context and what its ancestors added. Shared between nodes that inherit the
   *  same, which is what lets assignments of a wide graph share one environment. */
  context: Record<string, string>;
  /** Set once the list of `each` or `matrix` is known. */
  instances: Instances | undefined;
}

/** The instances of one node. */
export interface Instances {
  readonly tasks: Task[];
  /** By state, and those that are not settled. */
  idle: number;
  running: number;
  failed: number;
  succeeded: number;
  open: number;
  /** `failFast`, and one has failed: no other one starts. */
  stopped: boolean;
  /** Startable, in order, but beyond `width`; read from `head` on. */
  queue: Task[];
  head: number;
  /** Tasks that are admitted. */
  admitted: number;
  /** What instance INDEX is to do; undefined until prepared by this manager. */
  actionOf: ((index: number) => ReadyAction | Unready) | undefined;
}

export interface AttemptRecord {
  attempt: number;
  executorId: string;
  /** Ownership epoch under which it was assigned; a report must carry the same. */
  epoch: number;
  /** When its needs, or its last wait, had let it go; 0 unknown. */
  readyMs: number;
  assignedMs: number;
  endedMs: number;
  state: ProcessorState;
  reason: string;
  /** Undefined while it runs. */
  report: Report | undefined;
  cache: CacheDecision | undefined;
  /** Wiz Files that it was given; undefined is none. */
  inputs: File[] | undefined;
}

export function newProcessorNode(
  spec: ProcessorSpec,
  order: number,
  context: Record<string, string>,
): ProcessorNode {
  const node = {
    ...newStanding(),
    name: spec.name,
    index: -1,
    order,
    spec,
    waiting: spec.needs.length,
    needsSucceeded: 0,
    needsFailed: 0,
    needsSkipped: 0,
    context,
    instances: undefined,
  } as Omit<ProcessorNode, 'node'> as ProcessorNode & { node: ProcessorNode };
  node.node = node;
  return node;
}

/**
 * Instances of a node, all Idle. Attempts count on from those of the instances before them (a list may change when its
 * run goes on), because executors and logs know an attempt by its number.
 */
export function newInstances(node: ProcessorNode, count: number): Instances {
  const tasks: Task[] = [];
  const attempt = lastAttempt(node);
  for (let index = 0; index < count; index += 1) {
    tasks.push({ ...newStanding(), name: `${node.name}[${index}]`, node, index, attempt });
  }
  return {
    tasks,
    idle: count,
    running: 0,
    failed: 0,
    succeeded: 0,
    open: count,
    stopped: false,
    queue: [],
    head: 0,
    admitted: 0,
    actionOf: undefined,
  };
}

/** Of a node with instances, the highest number that any of them has had. */
export function lastAttempt({ attempt, instances }: ProcessorNode): number {
  let last = attempt;
  for (const task of instances?.tasks ?? []) last = Math.max(last, task.attempt);
  return last;
}

type Standing = Omit<Task, 'name' | 'node' | 'index'>;

function newStanding(): Standing {
  return {
    state: ProcessorState.IDLE,
    reason: '',
    message: '',
    settled: false,
    warning: false,
    place: -1,
    admitted: false,
    retryAt: 0,
    readyMs: 0,
    attempt: 0,
    attempts: [],
    appFailures: 0,
    infraFailures: 0,
    output: undefined,
    files: undefined,
    added: undefined,
    cache: undefined,
    again: false,
    preparation: 'none',
    prepared: undefined,
    progress: -1,
    progressMessage: '',
  };
}

/** Idle as at the beginning of a run; attempts go on counting, and are remembered. */
export function resetTask(task: Task): void {
  const { attempt, attempts } = task;
  Object.assign(task, newStanding(), { attempt, attempts });
}

/** It has instances, or will once its list is known. */
export function isFanOut({ each, matrix }: ProcessorSpec): boolean {
  return each !== null || matrix !== null;
}

/** Whether it counts as succeeded for what depends on it. */
export function releasesDependents(task: Task): boolean {
  return task.state === ProcessorState.SUCCEEDED || (task.state === ProcessorState.FAILED && task.warning);
}

export function isSkipped(task: Task): boolean {
  return task.settled && task.state === ProcessorState.IDLE && task.reason === 'skipped';
}

export type Verdict = 'wait' | 'start' | 'skipped' | 'upstream-failed';

/** What the needs that have ended say by the processor's rule. */
export function verdictOf(node: ProcessorNode): Verdict {
  const { waiting, needsSucceeded, needsFailed, needsSkipped } = node;
  switch (node.spec.rule) {
    case 'all-succeeded':
      if (needsFailed > 0) return 'upstream-failed';
      // A failure that comes later must not be hidden by this.
      if (waiting > 0) return 'wait';
      return needsSkipped > 0 ? 'skipped' : 'start';
    case 'none-failed':
      if (needsFailed > 0) return 'upstream-failed';
      return waiting > 0 ? 'wait' : 'start';
    case 'all-done':
      return waiting > 0 ? 'wait' : 'start';
    case 'any-succeeded':
      if (waiting > 0) return 'wait';
      if (needsSucceeded > 0 || node.spec.needs.length === 0) return 'start';
      return needsFailed > 0 ? 'upstream-failed' : 'skipped';
  }
}
