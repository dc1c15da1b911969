import { z } from 'zod';
import { DURATION_PATTERN, MAX_DURATION_MS, parseDuration } from './durations.ts';
import { ENVIRONMENT_NAME, environmentProblem } from './environment.ts';

/**
 * The pipeline file. This one schema checks files, fills the types below, and becomes the JSON Schema that
 * editors use. Messages are the end of a sentence that starts with the name of the place.
 */

/** Names are file names too (logs, staging), so they hold nothing that a file system minds. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
const PARAM_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,99}$/;
const DURATION_OR_NONE = new RegExp(`^none$|${DURATION_PATTERN.source}`);

const nameRule =
  'must start with a letter or digit, and hold only letters, digits, ".", "_" and "-" (at most 100)';
const name = z.string({ error: 'must be a name' }).regex(NAME, { error: nameRule });
const text = z.string({ error: 'must be text' });
const filledText = text.regex(/\S/, { error: 'must not be empty' });

/** Numbers and booleans are taken as they are written, so that `PORT: 8080` needs no quotes. */
const scalarText = z.union([z.string(), z.number(), z.boolean()], { error: 'must be text' });

function environment(description: string, examples: Record<string, string>[]) {
  const key = z.string().superRefine((value, context) => {
    const problem = environmentProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });
  return z
    .record(key.meta({ pattern: ENVIRONMENT_NAME.source }), scalarText, {
      error: 'must be a map of names and texts',
    })
    .meta({ description, examples });
}

function duration(description: string, examples: string[]) {
  const error = 'must be a duration such as 10s, 1m30s, 500ms or 2h';
  return z
    .string({ error })
    .regex(DURATION_PATTERN, { error })
    .refine((value) => (parseDuration(value) ?? 0) <= MAX_DURATION_MS, { error: 'must be at most 24d' })
    .meta({ description, examples });
}

const timeout = z
  .string({ error: 'must be a duration such as 10s, 1m30s, 500ms or 2h, or none' })
  .regex(DURATION_OR_NONE, { error: 'must be a duration such as 10s, 1m30s, 500ms or 2h, or none' })
  .refine((value) => value === 'none' || parseDuration(value) !== 0, {
    error: 'must be longer than 0 (for no time-out write none)',
  })
  .refine((value) => value === 'none' || (parseDuration(value) ?? 0) <= MAX_DURATION_MS, {
    error: 'must be at most 24d',
  })
  .meta({
    description:
      'How long one attempt may take. Then its whole process group is ended, and the attempt has failed with reason timeout.',
    examples: ['10m', 'none'],
    default: 'none',
  });

const backoff = z
  .strictObject(
    {
      initial: duration('Wait before the second attempt.', ['1s']).meta({ default: '1s' }).optional(),
      max: duration('No wait is longer than this.', ['1m']).meta({ default: '1m' }).optional(),
      factor: z
        .number({ error: 'must be a number from 1 to 100' })
        .min(1, { error: 'must be a number from 1 to 100' })
        .max(100, { error: 'must be a number from 1 to 100' })
        .meta({ description: 'Each wait is the one before times this.', default: 2 })
        .optional(),
      jitter: z
        .number({ error: 'must be a number from 0 to 1' })
        .min(0, { error: 'must be a number from 0 to 1' })
        .max(1, { error: 'must be a number from 0 to 1' })
        .meta({
          description:
            'Share of each wait that is drawn at random, so that many retries do not come at once.',
          default: 0.1,
        })
        .optional(),
    },
    { error: 'must be a map with initial, max, factor or jitter' },
  )
  .refine(({ initial, max }) => !initial || !max || parseDuration(initial)! <= parseDuration(max)!, {
    error: 'has an initial wait that is longer than max',
  })
  .meta({ description: 'How the wait between attempts grows.' });

const limitRule = 'must be a whole number from 0 to 1000';
const limit = z
  .int({ error: limitRule })
  .min(0, { error: limitRule })
  .max(1000, { error: limitRule })
  .meta({ description: 'Attempts after the first; 0 is none.', default: 0 });

const retries = z
  .union([limit, z.strictObject({ limit: limit.optional(), backoff: backoff.optional() })], {
    error: 'must be a whole number, or a map with limit and backoff',
  })
  .meta({
    description:
      'Further attempts after a failure: a number, or limit and backoff. What is left out comes from defaults.retries.',
    examples: [2, { limit: 3, backoff: { initial: '1s', max: '1m', factor: 2, jitter: 0.1 } }],
  });

const shell = z.enum(['bash', 'sh', 'python', 'node'], { error: 'must be bash, sh, python or node' }).meta({
  description: 'What reads the script of `run`.',
  default: 'bash',
});

const grace = duration('Time between SIGTERM and SIGKILL when an attempt is ended.', ['10s']).meta({
  default: '10s',
});

const onFailure = z.enum(['fail', 'warn'], { error: 'must be fail or warn' }).meta({
  description:
    'fail: what depends on this processor does not run, and the run fails. warn: the run goes on, with a warning.',
  default: 'fail',
});

const workdir = filledText.meta({
  description: 'Folder to run in; a relative one starts at the folder of this file.',
  default: '.',
  examples: ['scripts'],
});

const needs = z
  .union([name, z.array(name, { error: 'must be a name or a list of names' })], {
    error: 'must be a name or a list of names',
  })
  .meta({
    description: 'Processors that must have succeeded before this one starts: one name, or a list.',
    examples: ['list', ['list', 'parse']],
    default: [],
  });

const with_ = z.record(z.string(), z.unknown(), { error: 'must be a map of options' }).meta({
  description:
    'Options of the processor named by `uses`; `wiz processors NAME` lists them. ${NAME} macros are replaced; a text that is one macro keeps the type of its param.',
  default: {},
});

export const processorSchema = z
  .strictObject(
    {
      description: text.meta({ description: 'What it does, for people.', default: '' }).optional(),
      needs: needs.optional(),
      run: filledText
        .meta({
          description:
            'A script; its standard output is its output. The shell sees params and context as variables.',
          examples: ['find "$ROOT" -name package.json'],
        })
        .optional(),
      shell: shell.optional(),
      program: z
        .array(scalarText, { error: 'must be a list: the program, then its arguments' })
        .min(1, { error: 'must name a program' })
        .meta({
          description: 'A program and its arguments, started without a shell. ${NAME} macros are replaced.',
          examples: [['node', 'parse.mjs', '${ROOT}']],
        })
        .optional(),
      uses: filledText
        .meta({
          description: 'A bundled or custom processor; `wiz processors` lists them.',
          examples: ['http'],
        })
        .optional(),
      with: with_.optional(),
      env: environment('Environment of this processor; wins over context and defaults.env.', [
        { LOG_LEVEL: 'debug' },
      ]).optional(),
      workdir: workdir.optional(),
      retries: retries.optional(),
      timeout: timeout.optional(),
      grace: grace.optional(),
      onFailure: onFailure.optional(),
    },
    { error: 'must be a map with run, program or uses' },
  )
  .superRefine(
    (processor, context) => {
      for (const message of actionProblems(processor)) context.addIssue({ code: 'custom', message });
    },
    // With other errors in the processor too, so that one check tells all.
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .meta({
    title: 'Processor',
    description: 'One node of the pipeline. It has exactly one of run, program and uses.',
    oneOf: [{ required: ['run'] }, { required: ['program'] }, { required: ['uses'] }],
    dependentRequired: { shell: ['run'], with: ['uses'] },
  });

function actionProblems(processor: object): string[] {
  const actions = ['run', 'program', 'uses'].filter((key) => Object.hasOwn(processor, key));
  const problems: string[] = [];
  if (actions.length === 0) problems.push('has nothing to do: it needs one of run, program or uses');
  if (actions.length > 1) problems.push(`has ${actions.join(' and ')}, but can have only one of them`);
  if (Object.hasOwn(processor, 'shell') && !actions.includes('run'))
    problems.push('has shell, but no run for it');
  if (Object.hasOwn(processor, 'with') && !actions.includes('uses'))
    problems.push('has with, but no uses for it');
  return problems;
}

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
      params: z
        .record(
          z.string().regex(PARAM_NAME, {
            error: 'must start with a letter, and hold only letters, digits, "_" and "-" (at most 100)',
          }),
          param,
          { error: 'must be a map of params' },
        )
        .meta({
          description:
            'Values that a run is started with (-p NAME=VALUE). Programs see them as environment variables in capitals: api-url is API_URL.',
          examples: [{ root: { default: 'node_modules', description: 'folder to scan' }, limit: 10 }],
        })
        .optional(),
      context: environment('Environment of every program of a run. ${NAME} macros of params are replaced.', [
        { TEAM: 'platform' },
      ]).optional(),
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
      workdir: workdir.optional(),
      defaults: defaultsSchema.optional(),
      processors: z
        .record(name, processorSchema, { error: 'must be a map of processors' })
        .refine((processors) => Object.keys(processors).length > 0, {
          error: 'must have at least one processor',
        })
        .meta({ description: 'The nodes of the pipeline, by name.' }),
    },
    { error: 'must be a map' },
  )
  .meta({
    title: 'wiz pipeline',
    description: 'A pipeline of programs and processors for wiz.',
  });

export type PipelineFile = z.output<typeof pipelineSchema>;
export type ProcessorFile = z.output<typeof processorSchema>;
export type ParamFile = z.output<typeof paramSchema>;
export type RetriesFile = z.output<typeof retries>;
