import * as Args from '@oclif/core/args';

/** Arguments that several commands take. Their keys (run, pipeline, target, file) are their names in the help, and
 *  say what completes them: cli/completion. */
export const runArg = Args.string({
  description: 'Id of a run, the beginning of one that fits no other, or `latest`.',
  required: true,
  ignoreStdin: true,
});

export const pipelineArg = Args.string({
  description: 'Name of an applied pipeline.',
  required: true,
  ignoreStdin: true,
});

export const fileOrNameArg = Args.string({
  description:
    'A pipeline file (a path with a slash, or ending in .yaml or .yml; - is standard input), or the name of an applied pipeline.',
  required: true,
  ignoreStdin: true,
});

export const filesArg = Args.string({
  description: 'Pipeline files; each may hold several pipelines. - is standard input.',
  required: true,
  multiple: true,
  ignoreStdin: true,
});
