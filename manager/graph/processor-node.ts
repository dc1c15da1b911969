import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { ProcessorSpec } from '../spec/spec.ts';

/**
 * The attributes of one node of a RunGraph: what the processor is, and how it stands in this run. They are the
 * node's own object: reached by name through the graph, and changed in place.
 */
export interface ProcessorNode {
  readonly name: string;
  /** Place in the file; among ready processors the earlier one starts first. */
  readonly order: number;
  readonly spec: ProcessorSpec;

  state: ProcessorState;
  reason: string;
  message: string;
  /** Nothing more happens to it in this run: it ended, or it never starts (upstream-failed, cancelled). */
  settled: boolean;
  /** It failed, and `onFailure: warn` lets the run go on. */
  warning: boolean;

  /** Needs that have not let it go yet; at 0 it is ready. */
  waiting: number;
  /** Place in the queue of what is ready; -1 when it is not there. */
  place: number;
  /** Unix ms before which it is not tried again; 0 is at once. */
  retryAt: number;

  /** Number of the last attempt, from 1; 0 is none yet. */
  attempt: number;
  attempts: AttemptRecord[];
  /** Failures since the run began or was resumed, by who pays for them. */
  appFailures: number;
  infraFailures: number;

  output: Data | undefined;
  /** What it added to the context; undefined is nothing. */
  added: Record<string, string> | undefined;
  /** What it inherits: the run's context and what its ancestors added. Shared between nodes that inherit the
   *  same, which is what lets assignments of a wide graph share one environment. */
  context: Record<string, string>;

  /** 0 to 1; negative when none was reported. */
  progress: number;
  progressMessage: string;
}

export interface AttemptRecord {
  attempt: number;
  executorId: string;
  /** Ownership epoch under which it was assigned; a report must carry the same. */
  epoch: number;
  assignedMs: number;
  endedMs: number;
  state: ProcessorState;
  reason: string;
  /** Undefined while it runs. */
  report: Report | undefined;
}

export function newProcessorNode(
  spec: ProcessorSpec,
  order: number,
  context: Record<string, string>,
): ProcessorNode {
  return {
    name: spec.name,
    order,
    spec,
    state: ProcessorState.IDLE,
    reason: '',
    message: '',
    settled: false,
    warning: false,
    waiting: spec.needs.length,
    place: -1,
    retryAt: 0,
    attempt: 0,
    attempts: [],
    appFailures: 0,
    infraFailures: 0,
    output: undefined,
    added: undefined,
    context,
    progress: -1,
    progressMessage: '',
  };
}

/** Whether what depends on this processor may start. */
export function releasesDependents(node: ProcessorNode): boolean {
  return node.state === ProcessorState.SUCCEEDED || (node.state === ProcessorState.FAILED && node.warning);
}
