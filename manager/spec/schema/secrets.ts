import { z } from 'zod';
import { ENVIRONMENT_NAME } from '../environment.ts';
import { argv, filledText, variableName } from './texts.ts';

const sourceRule = 'must be a map with one of env, file or command';

export const secretSchema = z
  .strictObject(
    {
      env: z
        .string({ error: 'must be the name of a variable' })
        .regex(ENVIRONMENT_NAME, { error: 'must be the name of a variable' })
        .meta({ description: 'Variable of the executor that has it.', examples: ['GITHUB_TOKEN'] })
        .optional(),
      file: filledText
        .meta({
          description:
            'File that has it, without the line break at its end; a relative path starts at the folder of this file.',
          examples: ['/run/secrets/token'],
        })
        .optional(),
      command: argv
        .meta({
          description: 'A program and its arguments, which writes it to its standard output.',
          examples: [['pass', 'show', 'token']],
        })
        .optional(),
    },
    { error: sourceRule },
  )
  .refine((source) => Object.keys(source).length === 1, { error: sourceRule })
  .meta({
    title: 'Secret',
    oneOf: [{ required: ['env'] }, { required: ['file'] }, { required: ['command'] }],
  });

export const secrets = z
  .union([z.array(variableName), z.record(variableName, secretSchema)], {
    error: 'must be a map of names and where they are found, or a list of names',
  })
  .meta({
    description:
      'Where secrets are found, by name; a list is short for variables of the same names. Looked up on the executor, and kept out of logs, outputs and errors.',
    examples: [['GITHUB_TOKEN'], { TOKEN: { env: 'GITHUB_TOKEN' }, KEY: { file: 'key.pem' } }],
  });

export const exposedSecrets = z
  .union([variableName, z.array(variableName)], { error: 'must be a name or a list of names' })
  .meta({
    description: 'Secrets of the pipeline that the program has as variables: one name, or a list.',
    examples: [['GITHUB_TOKEN']],
    default: [],
  });

export type SecretFile = z.output<typeof secretSchema>;
