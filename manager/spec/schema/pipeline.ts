import { z } from 'zod';
import { cache } from './cache.ts';
import { hooks } from './hooks.ts';
import { outputsSchema } from './outputs.ts';
import { params } from './params.ts';
import { onFailure, processorSchema, workdir } from './processor.ts';
import { grace, retries, timeout } from './retries.ts';
import { secrets } from './secrets.ts';
import { shell } from './shell.ts';
import { environment, filledText, name, scalarText, text } from './texts.ts';
import { triggers } from './triggers.ts';

/**
 * The pipeline file. This one schema checks files, fills the types of this folder, and becomes the JSON Schema that
 * editors use.
 */

export const defaultsSchema = z
  .strictObject(
    {
      timeout: timeout.optional(),
      retries: retries.optional(),
      grace: grace.optional(),
      env: environment('Environment of every processor.', [{ LOG_LEVEL: 'info' }]).optional(),
      shell: shell.optional(),
      onFailure: onFailure.optional(),
    },
    { error: 'must be a map' },
  )
  .meta({ description: 'What holds for every processor that does not say otherwise.' });

const concurrencyRule = 'must be a whole number from 1 to 100000';

export const pipelineSchema = z
  .strictObject(
    {
      name: name.meta({ description: 'Name of the pipeline.', examples: ['dependency-audit'] }),
      description: text.meta({ description: 'What it does, for people.', default: '' }).optional(),
      params: params.optional(),
      context: environment('Environment of every program of a run. ${NAME} macros of params are replaced.', [
        { TEAM: 'platform' },
      ]).optional(),
      secrets: secrets.optional(),
      labels: z
        .record(
          z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$/, {
            error: 'must start with a letter or digit, and hold only letters, digits, ".", "_", "/" and "-"',
          }),
          scalarText,
          { error: 'must be a map of names and texts' },
        )
        .meta({
          description: 'For finding and grouping pipelines and runs.',
          examples: [{ department: 'research' }],
        })
        .optional(),
      concurrency: z
        .int({ error: concurrencyRule })
        .min(1, { error: concurrencyRule })
        .max(100_000, { error: concurrencyRule })
        .meta({ description: 'Most processors of one run at once. Left out, there is no limit.' })
        .optional(),
      timeZone: filledText
        .meta({
          description:
            'Zone of DATE, TIME and DATETIME, by its IANA name. Left out, it is that of the manager.',
          examples: ['Europe/Berlin', 'UTC'],
        })
        .optional(),
      workdir: workdir.optional(),
      staging: z
        .enum(['on-failure', 'always', 'never'], { error: 'must be on-failure, always or never' })
        .meta({
          description: 'When the staging folders of a run are kept after its end.',
          default: 'on-failure',
        })
        .optional(),
      affinity: z
        .enum(['none', 'run'], { error: 'must be none or run' })
        .meta({
          description: 'run: all processors of a run work on the same executor.',
          default: 'none',
        })
        .optional(),
      cache: cache
        .meta({
          description: 'Cache of every processor that does not say otherwise.',
          examples: [true, { env: ['LANG'] }],
          default: false,
        })
        .optional(),
      defaults: defaultsSchema.optional(),
      processors: z
        .record(name, processorSchema, { error: 'must be a map of processors' })
        .refine((processors) => Object.keys(processors).length > 0, {
          error: 'must have at least one processor',
        })
        .meta({ description: 'The nodes of the pipeline, by name.' }),
      outputs: outputsSchema.optional(),
      hooks: hooks.optional(),
      triggers: triggers.optional(),
    },
    { error: 'must be a map' },
  )
  .meta({
    title: 'wiz pipeline',
    description: 'A pipeline of programs and processors for wiz.',
  });

export type PipelineFile = z.output<typeof pipelineSchema>;
