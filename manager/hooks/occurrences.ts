import {
  type AttemptEnded,
  type Event,
  type ProcessorEnded,
  ProcessorState,
  RunState,
} from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { HookEvent } from '../spec/hook-spec.ts';

/** Something that hooks may be about: one event of a journal, in their words. */
export interface Occurrence {
  name: HookEvent;
  /** Number of the event in the journal. */
  seq: number;
  unixMs: number;
  /** Empty for runs. */
  processor: string;
  /** Of a processor whose attempt it is about. */
  attempt: number;
  reason: string;
  message: string;
  /** Of an attempt that ended. */
  report?: Report;
}

/** What hooks call an event; undefined for what they are not told of, such as anything of single instances. */
export function occurrenceOf({ seq, unixMs, event }: Event): Occurrence | undefined {
  const about = (
    name: HookEvent,
    { processor = '', attempt = 0, reason = '', message = '' }: Partial<Occurrence> = {},
  ): Occurrence | undefined =>
    processor.endsWith(']') ? undefined : { name, seq, unixMs, processor, attempt, reason, message };
  switch (event.case) {
    case 'runCreated':
      return about('run.started');
    case 'runResumed':
      return about('run.resumed');
    case 'runEnded': {
      const { state, reason, message } = event.value;
      if (state === RunState.SUCCEEDED) return about('run.succeeded', { reason, message });
      return about(reason === 'cancelled' ? 'run.cancelled' : 'run.failed', { reason, message });
    }
    case 'attemptStarted':
      return about('processor.started', event.value);
    case 'processorExpanded':
      return about('processor.started', { processor: event.value.processor });
    case 'attemptEnded': {
      const found = about(...endOfAttempt(event.value));
      return found && { ...found, report: event.value.report! };
    }
    case 'processorReused':
      return about('processor.succeeded', { processor: event.value.processor, reason: 'cached' });
    case 'processorEnded': {
      const name = endOfProcessor(event.value);
      return name && about(name, event.value);
    }
    default:
      return undefined;
  }
}

function endOfAttempt({ report, state, reason }: AttemptEnded): [HookEvent, Partial<Occurrence>] {
  const { processor, attempt, message } = report!;
  const what = { processor, attempt, message, reason: reason || report!.reason };
  if (state === ProcessorState.SUCCEEDED) return ['processor.succeeded', what];
  return [state === ProcessorState.FAILED ? 'processor.failed' : 'processor.retrying', what];
}

/** One that was never started because of what failed before it, or of a cancel, is no news of its own. */
function endOfProcessor({ state, reason }: ProcessorEnded): HookEvent | undefined {
  if (state === ProcessorState.SUCCEEDED) return 'processor.succeeded';
  if (state === ProcessorState.FAILED) return 'processor.failed';
  return reason === 'skipped' ? 'processor.skipped' : undefined;
}
