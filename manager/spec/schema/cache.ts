import { z } from 'zod';
import { ENVIRONMENT_NAME } from '../environment.ts';
import { filledText, scalarText, text } from './texts.ts';

const glob = filledText;
const variable = z.string({ error: 'must be a name' }).regex(ENVIRONMENT_NAME, {
  error:
    'must start with a letter or underscore, and hold only letters, digits and underscores (at most 100)',
});

export const cacheSchema = z.strictObject(
  {
    inputs: z
      .union([glob, z.array(glob)], { error: 'must be a pattern of file names or a list of them' })
      .meta({
        description:
          'Files that the program reads by itself, as patterns relative to its folder: their content is part of the key.',
        examples: [['src/**/*.ts', 'package-lock.json']],
        default: [],
      })
      .optional(),
    env: z
      .union([variable, z.array(variable)], { error: 'must be a name or a list of names' })
      .meta({
        description: 'Variables of the environment whose values are part of the key.',
        examples: [['LANG']],
        default: [],
      })
      .optional(),
    version: scalarText
      .meta({ description: 'Any text; another one is another key.', default: '', examples: ['2'] })
      .optional(),
    key: text
      .meta({
        description: 'A text with expressions that is part of the key.',
        default: '',
        examples: ['${{ params.model }}'],
      })
      .optional(),
  },
  { error: 'must be true, false, or a map with inputs, env, version or key' },
);

export const cache = z.union([z.boolean(), cacheSchema], {
  error: 'must be true, false, or a map with inputs, env, version or key',
});

export type CacheFile = z.output<typeof cache>;
