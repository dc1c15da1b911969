import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { PipelineSpec } from '../spec/spec.ts';

/** Whether the staging folders of a run that has ended are kept for people to look at. */
export function keepsStaging({ staging }: PipelineSpec, state: RunState): boolean {
  return staging === 'always' || (staging === 'on-failure' && state === RunState.FAILED);
}
