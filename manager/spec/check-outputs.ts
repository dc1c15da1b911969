import { mapOf, recordMaps } from './check-texts.ts';
import { type Complaint, describe } from './explain.ts';
import { normalOutputPath } from './output-paths.ts';
import { isExpression } from './scan-macros.ts';
import { subjectOf } from './subject.ts';

/** What the schema cannot say about `outputs`. Takes a pipeline as it stands in the file, whatever its shape. */
export function checkOutputs(pipeline: Record<string, unknown>): Complaint[] {
  const { files, records } = mapOf(pipeline.outputs);
  const complaints: Complaint[] = [];
  const owners = new Map<string, string>();
  for (const path of Object.keys(mapOf(files))) {
    const normal = normalOutputPath(path);
    const owner = owners.get(normal);
    if (owner === undefined) owners.set(normal, path);
    else {
      complaints.push({
        path: ['outputs', 'files', path],
        at: 'key',
        message: `the path "${path}" in "outputs.files" is the same as "${owner}"`,
        hint: 'Remove or rename one.',
      });
    }
  }
  for (const [index, { rows }] of recordMaps(records).entries()) {
    if (typeof rows !== 'string' || isExpression(rows.trim())) continue;
    const path = ['outputs', 'records', ...(Array.isArray(records) ? [index] : []), 'rows'];
    complaints.push({
      path,
      at: 'value',
      message: `${subjectOf(path)} must be one expression, not ${describe(rows)}`,
      hint: 'Write for example ${{ outputs.NAME }}.',
    });
  }
  return complaints;
}
