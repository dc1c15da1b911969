import { toJson } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '../../proto/gen/wiz/v1/events_pb.js';
import type { RunView } from './view.ts';

/** One event as a JSON line: protobuf JSON, with the run, the pipeline and the kind of event before it. */
export function eventJson(event: Event, run: RunView): string {
  const body = toJson(EventSchema, event) as object;
  return JSON.stringify({ run: run.runId, pipeline: run.pipeline, kind: event.event.case ?? '', ...body });
}
