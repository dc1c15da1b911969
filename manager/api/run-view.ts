import { WizError } from '../../proto/error.ts';
import { ProcessorState, type RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Attempt, Instances, Processor, Run } from '../../proto/gen/wiz/v1/runs_pb.js';
import { findTask, type RunMachine } from '../engine/run.ts';
import type { AttemptRecord, Instances as NodeInstances, Task } from '../graph/processor-node.ts';
import { nearest } from '../spec/nearest.ts';
import type { RunRow } from '../store/store.ts';
import { spanOf } from './attempt-times.ts';

/** A run as the API shows it, from its row. */
export function runOf(row: RunRow): Run {
  return {
    $typeName: 'wiz.v1.Run',
    runId: row.runId,
    pipeline: row.pipeline,
    version: row.version,
    state: row.state as RunState,
    reason: row.reason,
    message: row.message,
    createdUnixMs: row.createdMs,
    endedUnixMs: row.endedMs,
    labels: row.labels,
    paramsJson: row.paramsJson,
    counts: {
      $typeName: 'wiz.v1.ProcessorCounts',
      idle: row.idle,
      running: row.running,
      failed: row.failed,
      succeeded: row.succeeded,
    },
    warnings: row.warnings,
    managerId: row.managerId ?? '',
    seq: row.seq,
    cancelRequested: row.cancelRequested,
  };
}

/** The processors of a run, in the order of the file. */
export function processorsOf(run: RunMachine): Processor[] {
  return run.spec.processors.map(({ name }) => processorOf(run.graph.getNodeAttributes(name)));
}

/** One processor with all of its instances, or one instance. Throws WizError not_found. */
export function processorsNamed(run: RunMachine, name: string): Processor[] {
  const task = findTask(run, name);
  if (task === undefined) throw unknownProcessor(run, name);
  return [processorOf(task), ...(task.index < 0 ? (task.node.instances?.tasks ?? []).map(processorOf) : [])];
}

/** What to say of a name that is neither a processor nor an instance of the run. */
export function unknownProcessor(run: RunMachine, name: string): WizError {
  const names = run.spec.processors.map((processor) => processor.name);
  const [owner = '', index] = name.split('[');
  const count = names.includes(owner)
    ? run.graph.getNodeAttributes(owner).instances?.tasks.length
    : undefined;
  if (index !== undefined && names.includes(owner)) {
    const has = count === undefined ? 'no instances' : `${count} instances, counted from 0`;
    return new WizError(
      'not_found',
      `Processor "${owner}" of run ${run.runId} has ${has}; there is no "${name}".`,
    );
  }
  const near = nearest(owner, names);
  const hint = near === undefined ? `It has ${names.slice(0, 20).join(', ')}.` : `Did you mean "${near}"?`;
  return new WizError('not_found', `Run ${run.runId} has no processor "${name}". ${hint}`);
}

function processorOf(task: Task): Processor {
  const isNode = task.index < 0;
  const instances = isNode ? task.node.instances : undefined;
  return {
    $typeName: 'wiz.v1.Processor',
    name: task.name,
    state: task.state,
    reason: task.reason || waitReason(task),
    message: task.message,
    needs: isNode ? task.node.spec.needs : [],
    attempts: task.attempts.map(attemptOf),
    warning: task.warning,
    progress: task.progress,
    progressMessage: task.progressMessage,
    retryUnixMs: task.retryAt,
    readyUnixMs: task.readyMs,
    files: task.files ?? [],
    ...(task.output !== undefined && { output: task.output }),
    ...(task.cache !== undefined && { cache: task.cache }),
    ...(instances !== undefined && { instances: instancesOf(instances) }),
  };
}

/** Instances that are shown without being asked for. */
const SHOWN = 100;

function instancesOf({ idle, running, failed, succeeded, tasks }: NodeInstances): Instances {
  const some = (state: ProcessorState, count: number) =>
    count === 0 ? [] : firstOf(tasks, state, Math.min(count, SHOWN)).map(processorOf);
  const { startedMs, endedMs } = spanOf(tasks);
  return {
    $typeName: 'wiz.v1.Instances',
    counts: { $typeName: 'wiz.v1.ProcessorCounts', idle, running, failed, succeeded },
    startedUnixMs: startedMs,
    endedUnixMs: endedMs,
    running: some(ProcessorState.RUNNING, running),
    failed: some(ProcessorState.FAILED, failed),
  };
}

function firstOf(tasks: Task[], state: ProcessorState, count: number): Task[] {
  const found: Task[] = [];
  for (const task of tasks) {
    if (task.state === state) found.push(task);
    if (found.length === count) break;
  }
  return found;
}

/** Why an idle processor has not started, when no event says so. */
export function waitReason(task: Task): string {
  if (task.state !== ProcessorState.IDLE || task.settled) return '';
  return task.index < 0 && task.node.waiting > 0 ? 'waiting-for-needs' : 'queued';
}

function attemptOf(record: AttemptRecord): Attempt {
  const report = record.report;
  return {
    $typeName: 'wiz.v1.Attempt',
    attempt: record.attempt,
    state: record.state,
    reason: record.reason,
    message: report?.message ?? '',
    failureClass: report?.failureClass ?? 0,
    exitCode: report?.exitCode ?? 0,
    signal: report?.signal ?? '',
    executorId: record.executorId,
    assignedUnixMs: record.assignedMs,
    startedUnixMs: report?.startedUnixMs ?? 0,
    endedUnixMs: report?.endedUnixMs || record.endedMs,
    logLines: report?.logLines ?? 0,
    readyUnixMs: record.readyMs,
    ...(report?.usage !== undefined && { usage: report.usage }),
    ...(record.cache !== undefined && { cache: record.cache }),
  };
}
