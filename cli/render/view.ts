/**
 * A run as its events tell it: the model that every way of showing a run draws from. Events are applied in the
 * order of their numbers, each once; one that was seen already changes nothing.
 */
import type { CacheDecision } from '../../proto/gen/wiz/v1/data_pb.js';
import type { AttemptEnded, Event, OutputsKept, RunResumed } from '../../proto/gen/wiz/v1/events_pb.js';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import {
  type InstancesView,
  instanceName,
  moveInstance,
  newInstances,
  reopenInstances,
} from './instances.ts';

/** A processor, or one of its instances. */
export interface ProcessorView {
  name: string;
  needs: string[];
  state: ProcessorState;
  reason: string;
  message: string;
  /** Of the attempt that runs or ran last; 0 before the first. */
  attempt: number;
  /** Attempts that there may be. */
  attemptLimit: number;
  /** Milliseconds since 1970; 0 when not yet. */
  startedMs: number;
  endedMs: number;
  /** When the next attempt may start; 0 when none is waiting. */
  retryMs: number;
  /** 0 to 1, negative when the processor reports none. */
  progress: number;
  /** What it was before the last report of the attempt. */
  progressBefore: number;
  progressMessage: string;
  /** Last line that it wrote. */
  tail: string;
  warning: boolean;
  /** Of the last attempt, or of what was reused. */
  cache: CacheDecision | undefined;
  /** Once the list of a processor with `each` or `matrix` is known. */
  instances: InstancesView | undefined;
}

export interface RunView {
  runId: string;
  pipeline: string;
  version: number;
  state: RunState;
  reason: string;
  message: string;
  createdMs: number;
  endedMs: number;
  cancelRequested: boolean;
  warnings: string[];
  /** In the order of the file. */
  processors: Map<string, ProcessorView>;
  /** Processors in each state, kept as events come. */
  counts: Record<ProcessorState, number>;
  /** Of those that succeeded, and of those that are idle. */
  cached: number;
  skipped: number;
  outputs: OutputsKept | undefined;
  /** Number of the last event. */
  seq: number;
}

export function emptyRun(): RunView {
  return {
    runId: '',
    pipeline: '',
    version: 0,
    state: RunState.RUNNING,
    reason: '',
    message: '',
    createdMs: 0,
    endedMs: 0,
    cancelRequested: false,
    warnings: [],
    processors: new Map(),
    counts: { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0 },
    cached: 0,
    skipped: 0,
    outputs: undefined,
    seq: 0,
  };
}

/** Returns whether the event was new. */
export function applyEvent(run: RunView, event: Event): boolean {
  if (event.seq !== 0) {
    if (event.seq <= run.seq) return false;
    run.seq = event.seq;
  }
  const { case: kind, value } = event.event;
  switch (kind) {
    case 'runCreated':
      run.runId = value.runId;
      run.pipeline = value.pipeline;
      run.version = value.version;
      run.createdMs = event.unixMs;
      readSpec(run, value.specJson);
      break;
    case 'attemptStarted': {
      const row = move(run, value.processor, ProcessorState.RUNNING, '', '');
      if (!row) break;
      const { attempt, cache } = value;
      Object.assign(row, fresh, { attempt, cache, startedMs: event.unixMs });
      break;
    }
    case 'attemptEnded':
      endAttempt(run, value, event.unixMs);
      break;
    case 'processorEnded': {
      const row = move(run, value.processor, value.state, value.reason, value.message);
      if (!row) break;
      row.warning = value.warning;
      if (!row.instances) break;
      row.endedMs = event.unixMs;
      row.instances.waiting.clear();
      break;
    }
    case 'processorExpanded': {
      const row = move(run, value.processor, ProcessorState.RUNNING, '', '');
      if (!row) break;
      Object.assign(row, fresh, { startedMs: event.unixMs });
      if (row.instances?.count !== value.count) row.instances = newInstances(value.count);
      break;
    }
    case 'processorReused': {
      const row = move(run, value.processor, ProcessorState.SUCCEEDED, 'cached', '');
      if (row) Object.assign(row, fresh, { cache: value.cache });
      break;
    }
    case 'progressMade': {
      const row = rowOf(run, value.processor);
      if (row?.attempt !== value.attempt) break;
      row.progressBefore = row.progress;
      row.progress = value.fraction;
      row.progressMessage = value.message;
      break;
    }
    case 'outputsKept':
      run.outputs = value;
      break;
    case 'runCancelRequested':
      run.cancelRequested = true;
      break;
    case 'runResumed':
      resume(run, value);
      break;
    case 'runEnded':
      run.state = value.state;
      run.reason = value.reason;
      run.message = value.message;
      run.warnings = value.warnings;
      run.endedMs = event.unixMs;
      break;
  }
  return true;
}

const fresh = {
  startedMs: 0,
  endedMs: 0,
  retryMs: 0,
  progress: -1,
  progressBefore: -1,
  progressMessage: '',
  tail: '',
  warning: false,
  cache: undefined,
};

/** The row of a processor, or of an instance that runs, waits for another attempt, or is among the first that failed. */
export function rowOf(run: RunView, name: string): ProcessorView | undefined {
  const instance = instanceName(name);
  if (!instance) return run.processors.get(name);
  const instances = run.processors.get(instance.processor)?.instances;
  const { index } = instance;
  return instances?.running.get(index) ?? instances?.waiting.get(index) ?? instances?.failed.get(index);
}

function endAttempt(run: RunView, ended: AttemptEnded, unixMs: number): void {
  const { report } = ended;
  const row = report && move(run, report.processor, ended.state, ended.reason, report.message);
  if (!row) return;
  row.attempt = report.attempt;
  row.startedMs = report.startedUnixMs || row.startedMs;
  row.endedMs = report.endedUnixMs || unixMs;
  row.retryMs = ended.retryUnixMs;
  row.warning = ended.warning;
}

/** Puts a processor or an instance into a state; returns its row, undefined when the run has no such processor. */
function move(
  run: RunView,
  name: string,
  state: ProcessorState,
  reason: string,
  message: string,
): ProcessorView | undefined {
  const instance = instanceName(name);
  const processor = run.processors.get(instance?.processor ?? name);
  if (!processor) return undefined;
  if (!instance) {
    tally(run, processor, -1);
    Object.assign(processor, { state, reason, message });
    tally(run, processor, 1);
    return processor;
  }
  const { instances, attemptLimit } = processor;
  // Not in the list: nothing that a manager journals.
  if (!instances || !(instance.index < instances.count)) return undefined;
  const row = moveInstance(instances, instance.index, state, reason, () => newRow(name, [], attemptLimit));
  return Object.assign(row, { state, reason, message });
}

function tally(run: RunView, { state, reason }: ProcessorView, by: 1 | -1): void {
  run.counts[state] += by;
  if (state === ProcessorState.SUCCEEDED && reason === 'cached') run.cached += by;
  if (state === ProcessorState.IDLE && reason === 'skipped') run.skipped += by;
}

function newRow(name: string, needs: string[], attemptLimit: number): ProcessorView {
  const state = ProcessorState.IDLE;
  return {
    name,
    needs,
    state,
    reason: '',
    message: '',
    attempt: 0,
    attemptLimit,
    ...fresh,
    instances: undefined,
  };
}

/** The run goes on: the named processors, and what depends on them, start again. */
function resume(run: RunView, resumed: RunResumed): void {
  Object.assign(run, {
    state: RunState.RUNNING,
    reason: '',
    message: '',
    endedMs: 0,
    cancelRequested: false,
  });
  run.warnings = [];
  run.outputs = undefined;
  if (resumed.specJson) readSpec(run, resumed.specJson);
  const again = downstream(run, resumed.processors);
  const whole = downstream(run, resumed.from);
  for (const processor of run.processors.values()) {
    const { name, needs, instances } = processor;
    if (isOver(processor) && !again.has(name)) continue;
    move(run, name, ProcessorState.IDLE, '', '');
    Object.assign(processor, fresh);
    // What it is given may be another: then its list may be too.
    if (whole.has(name) || needs.some((need) => again.has(need))) processor.instances = undefined;
    else if (instances) reopenInstances(instances);
  }
}

/** It has nothing to do when the run goes on. */
function isOver({ state, warning, reason }: ProcessorView): boolean {
  if (state === ProcessorState.FAILED) return warning;
  return state === ProcessorState.SUCCEEDED || (state === ProcessorState.IDLE && reason === 'skipped');
}

function downstream(run: RunView, names: string[]): Set<string> {
  const dependents = new Map<string, string[]>();
  for (const { name, needs } of run.processors.values()) {
    for (const need of needs) {
      const list = dependents.get(need);
      if (list) list.push(name);
      else dependents.set(need, [name]);
    }
  }
  const found = new Set(names);
  for (const name of found) for (const next of dependents.get(name) ?? []) found.add(next);
  return found;
}

/** What this needs of a PipelineSpec. */
interface SpecShape {
  processors: { name: string; needs: string[]; retries?: { limit: number } }[];
}

/** Takes the processors of a spec; those that are known keep their state. */
function readSpec(run: RunView, specJson: string): void {
  const known = run.processors;
  run.processors = new Map();
  run.counts = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0 };
  run.cached = 0;
  run.skipped = 0;
  for (const { name, needs, retries } of (JSON.parse(specJson) as SpecShape).processors) {
    const processor = known.get(name) ?? newRow(name, needs, 0);
    processor.needs = needs;
    processor.attemptLimit = (retries?.limit ?? 0) + 1;
    run.processors.set(name, processor);
    tally(run, processor, 1);
  }
}
