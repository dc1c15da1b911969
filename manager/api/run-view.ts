import { ProcessorState, type RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Attempt, Processor, Run } from '../../proto/gen/wiz/v1/runs_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { AttemptRecord, ProcessorNode } from '../graph/processor-node.ts';
import type { RunRow } from '../store/store.ts';

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

function processorOf(node: ProcessorNode): Processor {
  return {
    $typeName: 'wiz.v1.Processor',
    name: node.name,
    state: node.state,
    reason: node.reason || waitReason(node),
    message: node.message,
    needs: node.spec.needs,
    attempts: node.attempts.map(attemptOf),
    output: node.output,
    warning: node.warning,
    progress: node.progress,
    progressMessage: node.progressMessage,
    retryUnixMs: node.retryAt,
  };
}

/** Why an idle processor has not started, when no event says so. */
function waitReason(node: ProcessorNode): string {
  if (node.state !== ProcessorState.IDLE || node.settled) return '';
  return node.waiting > 0 ? 'waiting-for-needs' : 'queued';
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
    usage: report?.usage,
    logLines: report?.logLines ?? 0,
  };
}
