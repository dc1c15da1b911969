/**
 * A run as its events tell it: the model that every way of showing a run draws from. Events are applied in the
 * order of their numbers, each once; one that was seen already changes nothing.
 */
import type { AttemptEnded, Event, RunResumed } from '../../proto/gen/wiz/v1/events_pb.js';
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';

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
      const processor = run.processors.get(value.processor);
      if (!processor) break;
      move(run, processor, ProcessorState.RUNNING, '', '');
      Object.assign(processor, fresh);
      processor.attempt = value.attempt;
      processor.startedMs = event.unixMs;
      break;
    }
    case 'attemptEnded':
      endAttempt(run, value, event.unixMs);
      break;
    case 'processorEnded': {
      const processor = run.processors.get(value.processor);
      if (processor) move(run, processor, value.state, value.reason, value.message);
      break;
    }
    case 'progressMade': {
      const processor = run.processors.get(value.processor);
      if (processor?.attempt !== value.attempt) break;
      processor.progressBefore = processor.progress;
      processor.progress = value.fraction;
      processor.progressMessage = value.message;
      break;
    }
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
};

function endAttempt(run: RunView, ended: AttemptEnded, unixMs: number): void {
  const report = ended.report;
  const processor = report && run.processors.get(report.processor);
  if (!processor) return;
  move(run, processor, ended.state, ended.reason, report.message);
  processor.attempt = report.attempt;
  processor.startedMs = report.startedUnixMs || processor.startedMs;
  processor.endedMs = report.endedUnixMs || unixMs;
  processor.retryMs = ended.retryUnixMs;
  processor.warning = ended.warning;
}

function move(
  run: RunView,
  processor: ProcessorView,
  state: ProcessorState,
  reason: string,
  message: string,
): void {
  run.counts[processor.state]--;
  run.counts[state]++;
  processor.state = state;
  processor.reason = reason;
  processor.message = message;
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
  if (resumed.specJson) readSpec(run, resumed.specJson);
  const again = downstream(run, resumed.processors);
  for (const processor of run.processors.values()) {
    const waits = processor.state === ProcessorState.IDLE;
    if (!waits && !again.has(processor.name)) continue;
    move(run, processor, ProcessorState.IDLE, '', '');
    Object.assign(processor, fresh);
  }
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
  for (const { name, needs, retries } of (JSON.parse(specJson) as SpecShape).processors) {
    const before = known.get(name);
    const processor: ProcessorView = {
      state: ProcessorState.IDLE,
      reason: '',
      message: '',
      attempt: 0,
      ...fresh,
      ...before,
      name,
      needs,
      attemptLimit: (retries?.limit ?? 0) + 1,
    };
    run.processors.set(name, processor);
    run.counts[processor.state]++;
  }
}
