/** What `pipeline apply` and `pipeline diff` share: one call, with dry_run for the second. */
import { toJson } from '@bufbuild/protobuf';
import { ApplyPipelinesResponseSchema } from '../proto/gen/wiz/v1/pipelines_pb.js';
import type { Api } from './api.ts';
import { note, print, printJson } from './output.ts';
import { changeLines } from './render/changes.ts';
import { paintFor } from './render/paint.ts';
import { readSource } from './source.ts';

export async function apply(
  opening: Promise<Api>,
  options: { files: string[]; dryRun: boolean; json: boolean },
): Promise<void> {
  const { dryRun, json } = options;
  const files = await Promise.all(options.files.map(readSource));
  const api = await opening;
  const response = await api.pipelines.applyPipelines({ files, dryRun });
  if (json) return printJson(toJson(ApplyPipelinesResponseSchema, response));
  const paint = paintFor(process.stdout);
  for (const text of response.notes) note(text);
  print(response.pipelines.flatMap((pipeline) => changeLines(pipeline, { dryRun, paint })).join('\n'));
}
