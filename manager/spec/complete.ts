import type { PipelineSpec, ProcessorSpec } from './spec.ts';

/** What keys stand for that a spec does not have, because it was stored by a wiz that did not know them. */
const PIPELINE = {
  timeZone: null,
  secrets: {},
  staging: 'on-failure',
  affinity: 'none',
  outputs: null,
} as const satisfies Partial<PipelineSpec>;

const PROCESSOR = {
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

/** A spec from the store, whole. */
export function parseSpec(json: string): PipelineSpec {
  const spec = JSON.parse(json) as PipelineSpec;
  // All keys or none: they came together.
  if (Object.hasOwn(spec, 'outputs')) return spec;
  return { ...PIPELINE, ...spec, processors: spec.processors.map((it) => ({ ...PROCESSOR, ...it })) };
}
