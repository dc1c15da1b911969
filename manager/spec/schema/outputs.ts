import { z } from 'zod';
import { outputPathProblem } from '../output-paths.ts';
import { TABLE_NAME, tableProblem } from '../record-tables.ts';
import { scalarText, text } from './texts.ts';

const path = z.string().superRefine((value, context) => {
  const problem = outputPathProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const recordsRule = 'must be a map with table and rows, or a list of such maps';

export const recordsSchema = z.strictObject(
  {
    table: z
      .string({ error: 'must be the name of a table' })
      .superRefine((value, context) => {
        const problem = tableProblem(value);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .meta({
        description: 'Table that the rows are added to: small letters, digits and underscores.',
        pattern: TABLE_NAME.source,
        examples: ['temperatures'],
      }),
    rows: text.meta({
      description: 'An expression that gives a list of maps, or one map.',
      examples: ['${{ outputs.measure.rows }}'],
    }),
  },
  { error: recordsRule },
);

const outputsRule = 'must be a map with files or records';

export const outputsSchema = z
  .strictObject(
    {
      files: z
        .record(path, scalarText, { error: 'must be a map of paths and texts' })
        .meta({
          description:
            'Files that are kept, by the path under which `wiz files` shows them: an expression that gives a file, a folder, a list or map of files, or any other value, which is kept as text.',
          examples: [{ 'report.html': "${{ files.report['report.html'] }}" }],
        })
        .optional(),
      records: z
        .union([recordsSchema, z.array(recordsSchema)], { error: recordsRule })
        .meta({
          description: 'Rows that are kept, for `wiz data`: table and rows, or a list of such maps.',
          examples: [{ table: 'temperatures', rows: '${{ outputs.measure.rows }}' }],
        })
        .optional(),
    },
    { error: outputsRule },
  )
  .refine((outputs) => Object.keys(outputs).length > 0, { error: outputsRule })
  .meta({ description: 'What a run that succeeded leaves in the output stores.' });

export type OutputsFile = z.output<typeof outputsSchema>;
