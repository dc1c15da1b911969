import { type Event, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { FailureClass, Outcome, type Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import { PIPELINE_DEFAULTS, PROCESSOR_DEFAULTS } from '../spec/complete.ts';
import type { PipelineSpec, ProcessorSpec } from '../spec/spec.ts';
import { newRunMachine, type RunMachine } from './run.ts';

export type ProcessorSketch = Partial<ProcessorSpec> & { name: string };

/** A pipeline of no-ops, with what matters to a test. */
export function pipeline(processors: ProcessorSketch[], rest: Partial<PipelineSpec> = {}): PipelineSpec {
  return {
    name: 'tested',
    description: '',
    params: {},
    context: {},
    labels: {},
    concurrency: null,
    workdir: '/',
    ...PIPELINE_DEFAULTS,
    processors: processors.map((sketch) => ({
      description: '',
      needs: [],
      action: { kind: 'call', uses: 'noop', with: {} },
      env: {},
      workdir: null,
      retries: { limit: 0, initialMs: 1000, maxMs: 60_000, factor: 2, jitter: 0 },
      timeoutMs: null,
      graceMs: 5000,
      onFailure: 'fail',
      ...PROCESSOR_DEFAULTS,
      ...sketch,
    })),
    ...rest,
  };
}

export const program: ProcessorSpec['action'] = { kind: 'program', argv: ['work'] };

export function createdEvent(spec: PipelineSpec, runId = 'run'): Event {
  return {
    $typeName: 'wiz.v1.Event',
    seq: 1,
    unixMs: 1000,
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

export function newRun(spec: PipelineSpec, runId = 'run', epoch = 1): RunMachine {
  return newRunMachine(createdEvent(spec, runId), 'manager', epoch);
}

export function report(processor: string, attempt: number, rest: Partial<Report> = {}): Report {
  return {
    $typeName: 'wiz.v1.Report',
    processor,
    attempt,
    outcome: Outcome.SUCCEEDED,
    reason: '',
    failureClass: FailureClass.UNSPECIFIED,
    message: '',
    exitCode: 0,
    signal: '',
    usage: undefined,
    output: undefined,
    context: {},
    startedUnixMs: 0,
    endedUnixMs: 0,
    logLines: 0,
    files: [],
    ...rest,
  };
}

export function failure(processor: string, attempt: number, failureClass = FailureClass.APP): Report {
  return report(processor, attempt, { outcome: Outcome.FAILED, reason: 'exit-code', failureClass });
}

/** Each processor's state and reason, as `Idle upstream-failed`. */
export function standing(run: RunMachine): Record<string, string> {
  const names = {
    [ProcessorState.UNSPECIFIED]: '?',
    [ProcessorState.IDLE]: 'Idle',
    [ProcessorState.RUNNING]: 'Running',
    [ProcessorState.FAILED]: 'Failed',
    [ProcessorState.SUCCEEDED]: 'Succeeded',
  };
  return Object.fromEntries(
    run.graph.mapNodes((name, { state, reason }) => [name, `${names[state]} ${reason}`.trim()]),
  );
}
