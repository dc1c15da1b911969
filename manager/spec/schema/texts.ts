import { z } from 'zod';
import { ENVIRONMENT_NAME, environmentProblem } from '../environment.ts';

/** Texts and names of the pipeline file. Messages are the end of a sentence that starts with the name of the place. */

/** Names are file names too (logs, staging), so they hold nothing that a file system minds. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
/** What `-p NAME=VALUE` and `item.NAME` can take. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/;

const nameRule =
  'must start with a letter or digit, and hold only letters, digits, ".", "_" and "-" (at most 100)';
export const name = z.string({ error: 'must be a name' }).regex(NAME, { error: nameRule });
export const fieldName = z.string().regex(FIELD_NAME, {
  error: 'must start with a letter, and hold only letters, digits, "_" and "-" (at most 100)',
});
export const text = z.string({ error: 'must be text' });
export const filledText = text.regex(/\S/, { error: 'must not be empty' });

/** Numbers and booleans are taken as they are written, so that `PORT: 8080` needs no quotes. */
export const scalarText = z.union([z.string(), z.number(), z.boolean()], { error: 'must be text' });

/** The name of a variable that a pipeline may set. */
export const variableName = z
  .string({ error: 'must be a name' })
  .superRefine((value, context) => {
    const problem = environmentProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({ pattern: ENVIRONMENT_NAME.source });

export function environment(description: string, examples: Record<string, string>[]) {
  return z
    .record(variableName, scalarText, { error: 'must be a map of names and texts' })
    .meta({ description, examples });
}

/** A program and its arguments. */
export const argv = z
  .array(scalarText, { error: 'must be a list: the program, then its arguments' })
  .min(1, { error: 'must name a program' });
