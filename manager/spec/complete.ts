import type { PipelineSpec, ProcessorSpec } from './spec.ts';

/** What keys of a pipeline stand for that are not there. */
export const PIPELINE_DEFAULTS = {
  timeZone: null,
  secrets: {},
  staging: 'on-failure',
  affinity: 'none',
  outputs: null,
  hooks: [],
  triggers: [],
} satisfies Partial<PipelineSpec>;

/** The same for a processor. */
export const PROCESSOR_DEFAULTS = {
  when: null,
  rule: 'all-succeeded',
  each: null,
  matrix: null,
  width: null,
  failFast: false,
  data: 'auto',
  cache: null,
  secrets: [],
} satisfies Partial<ProcessorSpec>;

/** A spec from the store, whole, also one that was stored by a wiz that knew fewer keys. */
export function parseSpec(json: string): PipelineSpec {
  const spec = JSON.parse(json) as PipelineSpec;
  // Of what came together all keys are there or none; this is the last.
  if (Object.hasOwn(spec, 'triggers')) return spec;
  return {
    ...PIPELINE_DEFAULTS,
    ...spec,
    processors: spec.processors.map((it) => ({ ...PROCESSOR_DEFAULTS, ...it })),
  };
}
