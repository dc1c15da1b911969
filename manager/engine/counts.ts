import { ProcessorState } from '../../proto/gen/wiz/v1/events_pb.js';

/** Tasks by state. */
export interface Counts {
  idle: number;
  running: number;
  failed: number;
  succeeded: number;
}

export function count(counts: Counts, state: ProcessorState, by: 1 | -1): void {
  if (state === ProcessorState.IDLE) counts.idle += by;
  else if (state === ProcessorState.RUNNING) counts.running += by;
  else if (state === ProcessorState.FAILED) counts.failed += by;
  else counts.succeeded += by;
}
