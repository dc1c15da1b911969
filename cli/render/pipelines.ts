import { toJson } from '@bufbuild/protobuf';
import { type Pipeline, PipelineSchema } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Column } from './table.ts';
import { cut, dateTime } from './words.ts';

const DESCRIPTION_COLUMNS = 60;

/** A pipeline as JSON, with its spec as an object instead of as a text that holds JSON. */
export function pipelineJson(pipeline: Pipeline): object {
  const { specJson: _, ...rest } = toJson(PipelineSchema, pipeline) as Record<string, unknown>;
  return pipeline.specJson === '' ? rest : { ...rest, spec: JSON.parse(pipeline.specJson) };
}

export const pipelineColumns: Column<Pipeline>[] = [
  { title: 'PIPELINE', text: ({ name }) => name },
  { title: 'VERSION', text: ({ version }) => String(version), right: true },
  { title: 'PROCESSORS', text: ({ processorCount }) => String(processorCount), right: true },
  { title: 'APPLIED', text: ({ createdUnixMs }) => dateTime(createdUnixMs) },
  { title: 'DESCRIPTION', text: ({ description }) => cut(description.split('\n')[0]!, DESCRIPTION_COLUMNS) },
];
