import * as Args from '@oclif/core/args';

/** Arguments that several commands take. Their keys (run, pipeline, target, file) are their names in the help, and
 *  say what completes them: cli/completion. */
export const runArg = Args.string({
  description: 'Id of a run, the beginning of one that fits no other, or `latest`.',
  required: true,
  ignoreStdin: true,
});

export const newestRunArg = Args.string({
  description: 'Id of a run, or the beginning of one that fits no other; by default the newest.',
  default: 'latest',
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

export const storedFileArg = Args.string({
  description:
    'RUN/PATH (PATH of an output file, or PROCESSOR/NAME), PIPELINE/PATH of its newest run that has it, or a hash or the beginning of one (8 digits or more). Of a folder also PATH/FILE.',
  required: true,
  ignoreStdin: true,
});

export const executorArg = Args.string({
  description: 'Name or id of the executor, or its beginning.',
  required: true,
  ignoreStdin: true,
});

export const contextArg = Args.string({
  description: 'Name of a context; `bundled` is the manager in the process of each command.',
  required: true,
  ignoreStdin: true,
});

export const deliveryArg = Args.string({
  description: 'Id of a delivery; `wiz hooks deliveries` lists them.',
  required: true,
  ignoreStdin: true,
});

export const userArg = Args.string({
  description: 'Name of a user.',
  required: true,
  ignoreStdin: true,
});

export const scheduleArg = Args.string({
  description: 'PIPELINE/NAME, or PIPELINE when it has only one.',
  required: true,
  ignoreStdin: true,
});

/** Neither name has a slash in it. */
export function scheduleOf(word: string): { pipeline: string; name: string } {
  const [pipeline = '', name = ''] = word.split('/');
  return { pipeline, name };
}
