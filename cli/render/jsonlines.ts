import { toJson } from '@bufbuild/protobuf';
import { type Event, EventSchema, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import { type RunView, rowOf } from './view.ts';
import { PROCESSOR_STATE, RUN_STATE } from './words.ts';

/**
 * One event as a JSON line: the run, the pipeline, the kind of event, and which state it brought about, in the words
 * that people see; then the event itself as protobuf JSON. `run` is the run as it is after the event.
 */
export function eventJson(event: Event, run: RunView): string {
  const body = toJson(EventSchema, event) as object;
  const kind = event.event.case ?? '';
  return JSON.stringify({ run: run.runId, pipeline: run.pipeline, kind, ...standing(event, run), ...body });
}

/** What the event is about and how that stands after it. */
function standing({ event: { case: kind, value } }: Event, run: RunView): object {
  switch (kind) {
    case 'attemptStarted':
      return standingOf(run, value.processor, ProcessorState.RUNNING, '', value.attempt);
    case 'attemptEnded':
      return standingOf(run, value.report!.processor, value.state, value.reason, value.report!.attempt);
    case 'processorEnded':
      return standingOf(run, value.processor, value.state, value.reason);
    case 'processorExpanded':
      return { ...standingOf(run, value.processor, ProcessorState.RUNNING, ''), instances: value.count };
    case 'processorReused':
      return standingOf(run, value.processor, ProcessorState.SUCCEEDED, 'cached');
    case 'progressMade':
      return standingOf(run, value.processor, ProcessorState.RUNNING, '', value.attempt);
    case 'runCreated':
    case 'runResumed': {
      const processors = [...run.processors.values()].map(({ name, state, needs }) => ({
        processor: name,
        state: PROCESSOR_STATE[state],
        needs,
      }));
      return { state: RUN_STATE[run.state], processors };
    }
    default:
      return { state: RUN_STATE[run.state], ...(run.reason && { reason: run.reason }) };
  }
}

/** From the event alone where that says enough: of an instance that succeeded nothing is kept. */
function standingOf(
  run: RunView,
  name: string,
  state: ProcessorState,
  reason: string,
  attempt = rowOf(run, name)?.attempt ?? 0,
): object {
  const why = reason && reason !== 'succeeded' ? { reason } : {};
  return { processor: name, ...(attempt > 0 && { attempt }), state: PROCESSOR_STATE[state], ...why };
}
