/** What `apply` and `diff` changed or would change. */
import { type AppliedPipeline, Change, type FieldChange } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Paint } from './paint.ts';
import { count, cut } from './words.ts';

/** Columns that one value may take. */
const VALUE_COLUMNS = 60;

export function changeLines(pipeline: AppliedPipeline, options: { dryRun: boolean; paint: Paint }): string[] {
  const { paint, dryRun } = options;
  const lines = [`${paint.bold(pipeline.name)}  ${verdict(pipeline, dryRun)}`];
  // Of a new pipeline everything is new: the names say enough.
  const all = pipeline.change !== Change.CREATED;
  if (all) for (const field of pipeline.fields) lines.push(`  ${fieldLine(field, paint)}`);
  for (const { name, change, fields } of pipeline.processors) {
    if (change === Change.CREATED) lines.push(paint.green(`  + ${name}`));
    else if (change === Change.REMOVED) lines.push(paint.red(`  - ${name}`));
    else if (change === Change.UPDATED) {
      lines.push(paint.yellow(`  ~ ${name}`), ...fields.map((field) => `      ${fieldLine(field, paint)}`));
    }
  }
  return lines;
}

function verdict({ change, version, processors }: AppliedPipeline, dryRun: boolean): string {
  if (change === Change.UNCHANGED) return `unchanged, version ${version}`;
  const changed = count(processors.filter((one) => one.change !== Change.UNCHANGED).length, 'processor');
  if (change === Change.CREATED)
    return `${dryRun ? 'would be created' : 'created'}, version ${version} (${changed})`;
  const what = changed.startsWith('0 ') ? '' : ` (${changed} ${dryRun ? 'would change' : 'changed'})`;
  return `${dryRun ? 'would become' : 'is now'} version ${version}${what}`;
}

function fieldLine({ path, beforeJson, afterJson }: FieldChange, paint: Paint): string {
  const before = paint.red(cut(beforeJson, VALUE_COLUMNS));
  const after = paint.green(cut(afterJson, VALUE_COLUMNS));
  if (beforeJson === '') return `${path}: ${after}`;
  return afterJson === '' ? `${path}: ${before} removed` : `${path}: ${before} -> ${after}`;
}
