import { z } from 'zod';
import { pipelineSchema } from './schema/pipeline.ts';

/** The JSON Schema (draft 2020-12) of the pipeline file, for editors. */
export function pipelineJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(pipelineSchema, { io: 'input', target: 'draft-2020-12' }) as Record<string, unknown>;
}
