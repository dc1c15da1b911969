/**
 * A run as plain lines, for pipes and files: one for each change that a person would want to read. Of instances, of
 * which there may be 100,000, the first that failed and how far they all are.
 */
import type { CacheDecision } from '../../proto/gen/wiz/v1/data_pb.js';
import { type Event, ProcessorState, type RunResumed } from '../../proto/gen/wiz/v1/events_pb.js';
import { endedOf, FAILED_ROWS, type InstancesView, instanceName, instanceWords } from './instances.ts';
import { keptWords } from './outputs.ts';
import type { Paint } from './paint.ts';
import { type ProcessorView, type RunView, rowOf } from './view.ts';
import {
  attemptOf,
  cacheWords,
  clock,
  count,
  duration,
  oneLine,
  PROCESSOR_STATE,
  RUN_STATE,
} from './words.ts';

/** Milliseconds between two lines about how far instances are: no less, and when there is anything new no more. */
const PROGRESS_MS = 1000;
const SLOW_PROGRESS_MS = 60_000;

/** The lines of one event, given the run as it is after it: `12:00:01 list  Succeeded 0.2s`. */
export function eventLines(event: Event, run: RunView, paint: Paint): string[] {
  const at = paint.dim(clock(event.unixMs));
  const { case: kind, value } = event.event;
  switch (kind) {
    case 'runCreated':
      return [`${at} ${run.pipeline}  ${run.runId}  ${count(run.processors.size, 'processor')}`];
    case 'attemptStarted':
      if (instanceName(value.processor)) return instanceLines(at, event, run, value.processor, paint);
      return [
        ...(value.attempt === 1 ? cacheLines(at, value.processor, value.cache) : []),
        ...processorLine(at, run, value.processor, paint),
      ];
    case 'attemptEnded': {
      const name = value.report?.processor ?? '';
      if (instanceName(name)) return instanceLines(at, event, run, name, paint);
      return processorLine(at, run, name, paint);
    }
    case 'processorEnded':
      if (instanceName(value.processor)) return instanceLines(at, event, run, value.processor, paint);
      return processorLine(at, run, value.processor, paint);
    case 'processorExpanded': {
      const instances = run.processors.get(value.processor)?.instances;
      if (!instances) return [];
      instances.told = { unixMs: event.unixMs, tenths: tenthsOf(instances), failures: 0, changes: 0 };
      return [`${at} ${value.processor}  Running ${count(value.count, 'instance')}`];
    }
    case 'processorReused':
      if (instanceName(value.processor)) return instanceLines(at, event, run, value.processor, paint);
      return [`${at} ${value.processor}  ${paint.green('cached')}  ${value.cache?.reason ?? ''}`.trimEnd()];
    case 'progressMade': {
      if (instanceName(value.processor)) return [];
      const words = progressWords(run.processors.get(value.processor));
      return words ? [`${at} ${value.processor}  Running ${words}`] : [];
    }
    case 'outputsKept':
      return keptWords(value).map((words) => `${at} ${run.pipeline}  Kept ${words}`);
    case 'runCancelRequested':
      return [
        `${at} ${run.pipeline}  ${paint.yellow('Cancelling')}${value.message ? ` ${value.message}` : ''}`,
      ];
    case 'runAdopted':
      return [`${at} ${run.pipeline}  ${paint.dim('Another manager goes on with the run')}`];
    case 'runResumed':
      return [`${at} ${run.pipeline}  Resumed${resumedWith(value)}`];
    case 'runEnded':
      return [`${at} ${run.pipeline}  ${RUN_STATE[value.state]} ${duration(run.endedMs - run.createdMs)}`];
    default:
      return [];
  }
}

/** What changed since an earlier run, for a processor that has a cache and runs all the same. */
function cacheLines(at: string, name: string, cache: CacheDecision | undefined): string[] {
  const words = cache ? cacheWords(cache) : '';
  return words ? [`${at} ${name}  ${words}`] : [];
}

/** The line of an instance that failed for good or that was made anew, and how far all of them are. */
function instanceLines(at: string, event: Event, run: RunView, name: string, paint: Paint): string[] {
  const processor = run.processors.get(instanceName(name)!.processor);
  const instances = processor?.instances;
  if (!instances) return [];
  const { told } = instances;
  const { case: kind, value } = event.event;
  if (kind === 'attemptStarted') {
    // That each is run for the first time goes without saying.
    if (value.attempt > 1 || !value.cache?.reason.startsWith('changed')) return [];
    return told.changes++ < FAILED_ROWS ? cacheLines(at, name, value.cache) : [];
  }
  const lines: string[] = [];
  const failed = rowOf(run, name);
  if (failed?.state === ProcessorState.FAILED) {
    lines.push(`${at} ${name}  ${processorWords(failed, paint).filter(Boolean).join(' ')}`);
    if (++told.failures === FAILED_ROWS) {
      const all = `wiz runs get ${run.runId} --instances ${processor.name}`;
      lines.push(`${at} ${processor.name}  Of more that fail only the number is told. All: ${all}`);
    }
  }
  const waited = event.unixMs - told.unixMs;
  const tenths = tenthsOf(instances);
  if (waited < PROGRESS_MS || (tenths <= told.tenths && waited < SLOW_PROGRESS_MS)) return lines;
  // The line of the processor follows.
  if (endedOf(instances) === instances.count) return lines;
  Object.assign(told, { unixMs: event.unixMs, tenths });
  const share = Math.floor((100 * endedOf(instances)) / instances.count);
  return [...lines, `${at} ${processor.name}  Running ${share}% ${instanceWords(instances)}`];
}

function tenthsOf(instances: InstancesView): number {
  return Math.floor((10 * endedOf(instances)) / instances.count);
}

/** What there is to tell of progress: each tenth of the way once, and messages that come without a share of it. */
function progressWords(processor: ProcessorView | undefined): string {
  if (!processor) return '';
  const { progress, progressBefore, progressMessage } = processor;
  if (progress < 0) return oneLine(progressMessage);
  const told = progressBefore >= 0 && Math.floor(progress * 10) <= Math.floor(progressBefore * 10);
  return told ? '' : `${Math.floor(progress * 100)}% ${oneLine(progressMessage)}`.trimEnd();
}

function resumedWith({ processors }: RunResumed): string {
  if (processors.length === 0) return '';
  const named = processors.slice(0, 5).join(', ');
  return ` from ${named}${processors.length > 5 ? ` and ${processors.length - 5} more` : ''}`;
}

function processorLine(at: string, run: RunView, name: string, paint: Paint): string[] {
  const processor = run.processors.get(name);
  if (!processor) return [];
  return [`${at} ${name}  ${processorWords(processor, paint).filter(Boolean).join(' ')}`];
}

function processorWords(processor: ProcessorView, paint: Paint): string[] {
  const { state, reason, message, warning, retryMs, startedMs, endedMs, instances } = processor;
  const attempt = attemptOf(processor);
  const took = endedMs > 0 && startedMs > 0 ? duration(endedMs - startedMs) : '';
  const how = instances ? instanceWords(instances) : '';
  const why = [...new Set([reason === 'succeeded' ? '' : reason, oneLine(message) || how])]
    .filter(Boolean)
    .join(': ');
  switch (state) {
    case ProcessorState.RUNNING:
      return ['Running', attempt && `(${attempt})`];
    case ProcessorState.SUCCEEDED:
      return [paint.green('Succeeded'), took, why];
    case ProcessorState.FAILED:
      return [(warning ? paint.yellow : paint.red)('Failed'), took, warning ? `warning: ${why}` : why];
    default: {
      const again = retryMs > 0 ? paint.yellow(`again in ${duration(retryMs - endedMs)}`) : '';
      return [PROCESSOR_STATE[state], took, [why, again].filter(Boolean).join(', ')];
    }
  }
}
