import { z } from 'zod';
import { fieldName, text } from './texts.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

export const paramSchema = z
  .strictObject(
    {
      default: z.unknown().meta({ description: 'Value when none is given.' }).optional(),
      description: text.meta({ description: 'What it is for, for people.', default: '' }).optional(),
      type: z
        .enum(['string', 'number', 'integer', 'boolean', 'json'], {
          error: 'must be string, number, integer, boolean or json',
        })
        .meta({ description: 'Left out, it is the type of the default, or else of the enum, or string.' })
        .optional(),
      required: z
        .boolean({ error: 'must be true or false' })
        .meta({ description: 'It must be given. Left out, that is so when there is no default.' })
        .optional(),
      enum: z
        .array(z.unknown(), { error: 'must be a list of the allowed values' })
        .min(1, { error: 'must have at least one value' })
        .meta({ description: 'The allowed values.', examples: [['small', 'large']] })
        .optional(),
    },
    { error: 'must be a default value, or a map with default, description, type, required or enum' },
  )
  .meta({ title: 'Param' });

const param = z.union([paramSchema, scalar], {
  error: 'must be a default value, or a map with default, description, type, required or enum',
});

export const params = z.record(fieldName, param, { error: 'must be a map of params' }).meta({
  description:
    'Values that a run is started with (-p NAME=VALUE). Programs see them as environment variables in capitals: api-url is API_URL.',
  examples: [{ root: { default: 'node_modules', description: 'folder to scan' }, limit: 10 }],
});

export type ParamFile = z.output<typeof paramSchema>;
