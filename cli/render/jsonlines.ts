import { toJson } from '@bufbuild/protobuf';
import { type Event, EventSchema, ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunView } from './view.ts';
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
    case 'processorEnded':
    case 'progressMade':
      return processorStanding(run, value.processor);
    case 'attemptEnded':
      return processorStanding(run, value.report!.processor);
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

function processorStanding(run: RunView, name: string): object {
  const { state, reason, attempt } = run.processors.get(name)!;
  const why = reason && state !== ProcessorState.SUCCEEDED ? { reason } : {};
  return { processor: name, ...(attempt > 0 && { attempt }), state: PROCESSOR_STATE[state], ...why };
}
