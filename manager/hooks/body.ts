import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { RunMachine } from '../engine/run.ts';
import type { JsonObject } from '../spec/spec.ts';
import type { Occurrence } from './occurrences.ts';

/** What hooks are told, as docs/hooks.md has it. In the form that Standard Webhooks asks for: type, timestamp, data. */
export interface HookBody {
  /** Of the delivery: the same with each try. */
  id: string;
  type: string;
  timestamp: string;
  data: { run: JsonObject; processor?: JsonObject };
  links?: Record<string, string>;
}

/** Characters of a message that is passed on; the whole one is in the run. */
const MAX_MESSAGE = 4000;
/** Failed processors, and warnings, that are named. */
const MAX_NAMED = 20;

const RUN_STATES: Record<number, string> = {
  [RunState.RUNNING]: 'Running',
  [RunState.FAILED]: 'Failed',
  [RunState.SUCCEEDED]: 'Succeeded',
};
const CLASSES: Record<number, string> = {
  [FailureClass.APP]: 'app',
  [FailureClass.INFRA]: 'infra',
  [FailureClass.PREEMPTED]: 'preempted',
};

export function bodyOf(
  deliveryId: string,
  run: RunMachine,
  occurrence: Occurrence,
  publicUrl: string | undefined,
): HookBody {
  const { name, unixMs, processor } = occurrence;
  return {
    id: deliveryId,
    type: name,
    timestamp: isoTime(unixMs),
    data: {
      run: runOf(run),
      ...(processor !== '' && { processor: processorOf(occurrence) }),
    },
    ...(publicUrl !== undefined && { links: { run: `${publicUrl}/api/v1/runs/${run.runId}` } }),
  };
}

function runOf(run: RunMachine): JsonObject {
  const { runId, pipeline, version, state, reason, message, labels, params, trigger } = run;
  const { idle, running, failed, succeeded } = run;
  return {
    id: runId,
    pipeline,
    version,
    state: RUN_STATES[state] ?? '',
    reason,
    message: cut(message),
    labels,
    params,
    createdAt: isoTime(run.createdMs),
    endedAt: run.endedMs > 0 ? isoTime(run.endedMs) : null,
    processors: { idle, running, failed, succeeded },
    warnings: run.warnings.slice(0, MAX_NAMED).map(cut),
    trigger:
      trigger === undefined
        ? null
        : { name: trigger.name, kind: trigger.kind, scheduledAt: isoTime(trigger.scheduledUnixMs) },
    ...(state !== RunState.RUNNING && failed > 0 && { failures: failuresOf(run) }),
  };
}

/** The processors that failed, in the order of the file. */
function failuresOf(run: RunMachine): JsonObject[] {
  const failures: JsonObject[] = [];
  for (const { name } of run.spec.processors) {
    const { state, reason, message } = run.graph.getNodeAttributes(name);
    if (state === ProcessorState.FAILED) failures.push({ name, reason, message: cut(message) });
    if (failures.length === MAX_NAMED) break;
  }
  return failures;
}

const PROCESSOR_STATES: Record<string, string> = {
  'processor.started': 'Running',
  'processor.retrying': 'Idle',
  'processor.succeeded': 'Succeeded',
  'processor.failed': 'Failed',
  'processor.skipped': 'Idle',
};

function processorOf({ name, processor, attempt, reason, message, report }: Occurrence): JsonObject {
  return {
    name: processor,
    state: PROCESSOR_STATES[name] ?? '',
    reason,
    message: cut(message),
    attempt,
    ...(report !== undefined && {
      startedAt: report.startedUnixMs > 0 ? isoTime(report.startedUnixMs) : null,
      endedAt: report.endedUnixMs > 0 ? isoTime(report.endedUnixMs) : null,
      exitCode: report.exitCode,
      signal: report.signal,
      failureClass: CLASSES[report.failureClass] ?? '',
    }),
  };
}

function cut(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}

function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
