import { z } from 'zod';
import { cache } from './cache.ts';
import { each, failFast, matrix, width } from './fan-out.ts';
import { grace, retries, timeout } from './retries.ts';
import { exposedSecrets } from './secrets.ts';
import { shell } from './shell.ts';
import { argv, environment, filledText, name, text } from './texts.ts';

export const onFailure = z.enum(['fail', 'warn'], { error: 'must be fail or warn' }).meta({
  description:
    'fail: what depends on this processor does not run, and the run fails. warn: the run goes on, with a warning.',
  default: 'fail',
});

export const workdir = filledText.meta({
  description: 'Folder to run in; a relative one starts at the folder of this file.',
  default: '.',
  examples: ['scripts'],
});

const needs = z
  .union([name, z.array(name, { error: 'must be a name or a list of names' })], {
    error: 'must be a name or a list of names',
  })
  .meta({
    description:
      'Processors that must have ended before this one starts, succeeded unless `rule` says otherwise: one name, or a list.',
    examples: ['list', ['list', 'parse']],
    default: [],
  });

const rule = z
  .enum(['all-succeeded', 'any-succeeded', 'all-done', 'none-failed'], {
    error: 'must be all-succeeded, any-succeeded, all-done or none-failed',
  })
  .meta({
    description:
      'When it starts, all of its needs having ended. none-failed takes those that were skipped, any-succeeded wants one, all-done takes all.',
    default: 'all-succeeded',
  });

const when = z.union([z.boolean(), text], { error: 'must be true, false or one expression' }).meta({
  description:
    'An expression that is true or false; with false the processor is skipped, and what needs it follows its `rule`.',
  examples: ['${{ outputs.list.count > 0 }}'],
  default: true,
});

const data = z
  .enum(['auto', 'json', 'text', 'lines', 'bytes', 'protobuf'], {
    error: 'must be auto, json, text, lines, bytes or protobuf',
  })
  .meta({
    description:
      'How standard output is read, and what standard input has. auto: text or bytes, and nothing on standard input.',
    default: 'auto',
  });

const with_ = z.record(z.string(), z.unknown(), { error: 'must be a map of options' }).meta({
  description:
    'Options of the processor named by `uses`; `wiz processors NAME` lists them. A text that is one macro or one expression keeps the type of its value.',
  default: {},
});

export const processorSchema = z
  .strictObject(
    {
      description: text.meta({ description: 'What it does, for people.', default: '' }).optional(),
      needs: needs.optional(),
      rule: rule.optional(),
      when: when.optional(),
      each: each.optional(),
      matrix: matrix.optional(),
      width: width.optional(),
      failFast: failFast.optional(),
      run: filledText
        .meta({
          description:
            'A script; its standard output is its output. The shell sees params and context as variables; expressions are put in as the language writes texts.',
          examples: ['find "$ROOT" -name package.json'],
        })
        .optional(),
      shell: shell.optional(),
      program: argv
        .meta({
          description: 'A program and its arguments, started without a shell.',
          examples: [['node', 'parse.mjs', '${ROOT}', '${{ item }}']],
        })
        .optional(),
      uses: filledText
        .meta({
          description: 'A bundled or custom processor; `wiz processors` lists them.',
          examples: ['http'],
        })
        .optional(),
      with: with_.optional(),
      data: data.optional(),
      env: environment('Environment of this processor; wins over context and defaults.env.', [
        { LOG_LEVEL: 'debug' },
      ]).optional(),
      secrets: exposedSecrets.optional(),
      workdir: workdir.optional(),
      cache: cache
        .meta({
          description:
            'The result of an earlier run is taken when nothing that it depends on has changed. What a map leaves out comes from the cache of the pipeline.',
          examples: [true, { inputs: ['src/**/*.ts'], version: '2' }],
          default: false,
        })
        .optional(),
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
      for (const [key, message] of loneKeys(processor)) {
        context.addIssue({ code: 'custom', path: [key], message });
      }
    },
    // With other errors in the processor too, so that one check tells all.
    { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
  )
  .meta({
    title: 'Processor',
    description: 'One node of the pipeline. It has exactly one of run, program and uses.',
    oneOf: [{ required: ['run'] }, { required: ['program'] }, { required: ['uses'] }],
    not: { required: ['each', 'matrix'] },
    dependentRequired: { shell: ['run'], with: ['uses'], rule: ['needs'] },
    dependentSchemas: {
      width: { anyOf: [{ required: ['each'] }, { required: ['matrix'] }] },
      failFast: { anyOf: [{ required: ['each'] }, { required: ['matrix'] }] },
      data: { not: { required: ['uses'] } },
    },
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
  if (Object.hasOwn(processor, 'each') && Object.hasOwn(processor, 'matrix'))
    problems.push('has each and matrix, but can have only one of them');
  return problems;
}

/** Keys that mean nothing without others. */
function loneKeys(processor: object): [key: string, message: string][] {
  const has = (key: string) => Object.hasOwn(processor, key);
  const problems: [string, string][] = [];
  for (const key of ['width', 'failFast']) {
    if (has(key) && !has('each') && !has('matrix'))
      problems.push([key, 'is for processors with each or matrix. Add one of them, or remove it']);
  }
  if (has('data') && has('uses')) problems.push(['data', 'is for run and program, not for uses. Remove it']);
  const { needs } = processor as { needs?: unknown };
  if (has('rule') && (needs === undefined || (Array.isArray(needs) && needs.length === 0)))
    problems.push(['rule', 'is about needs, and there are none. Add needs, or remove it']);
  return problems;
}

export type ProcessorFile = z.output<typeof processorSchema>;
