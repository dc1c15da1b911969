/** A run as plain lines, for pipes and files: one for each change that a person would want to read. */
import { type Event, ProcessorState, type RunResumed } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Paint } from './paint.ts';
import type { ProcessorView, RunView } from './view.ts';
import { attemptOf, clock, count, duration, oneLine, PROCESSOR_STATE, RUN_STATE } from './words.ts';

/** The lines of one event, given the run as it is after it: `12:00:01 list  Succeeded 0.2s`. */
export function eventLines(event: Event, run: RunView, paint: Paint): string[] {
  const at = paint.dim(clock(event.unixMs));
  const { case: kind, value } = event.event;
  switch (kind) {
    case 'runCreated':
      return [`${at} ${run.pipeline}  ${run.runId}  ${count(run.processors.size, 'processor')}`];
    case 'attemptStarted':
      return processorLine(at, run, value.processor, paint);
    case 'attemptEnded':
      return processorLine(at, run, value.report?.processor ?? '', paint);
    case 'processorEnded':
      return processorLine(at, run, value.processor, paint);
    case 'progressMade': {
      const words = progressWords(run.processors.get(value.processor));
      return words ? [`${at} ${value.processor}  Running ${words}`] : [];
    }
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
  const { state, reason, message, warning, retryMs, startedMs, endedMs } = processor;
  const attempt = attemptOf(processor);
  const took = endedMs > 0 && startedMs > 0 ? duration(endedMs - startedMs) : '';
  const why = [...new Set([reason === 'succeeded' ? '' : reason, oneLine(message)])]
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
