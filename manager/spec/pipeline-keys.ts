import type { Complaint } from './explain.ts';
import { defaultsSchema, paramSchema, pipelineSchema, processorSchema } from './schema.ts';
import { type Path, subjectOf } from './subject.ts';

const PIPELINE_KEYS = Object.keys(pipelineSchema.shape);
const PROCESSOR_KEYS = Object.keys(processorSchema.shape);
const PARAM_KEYS = Object.keys(paramSchema.shape);
const DEFAULTS_KEYS = Object.keys(defaultsSchema.shape);

/** Keys of the design that come with later versions. */
const LATER_KEYS = ['each', 'matrix', 'when', 'requires', 'queue', 'cache', 'outputs', 'secrets'];

/** What other systems call our keys. */
const PIPELINE_SYNONYMS: Record<string, string> = {
  steps: 'processors',
  tasks: 'processors',
  jobs: 'processors',
  nodes: 'processors',
  parameters: 'params',
  inputs: 'params',
  env: 'context',
  environment: 'context',
  title: 'name',
  id: 'name',
  max_parallel: 'concurrency',
  parallelism: 'concurrency',
};
const PROCESSOR_SYNONYMS: Record<string, string> = {
  depends: 'needs',
  depends_on: 'needs',
  dependsOn: 'needs',
  dependencies: 'needs',
  after: 'needs',
  command: 'run',
  cmd: 'run',
  script: 'run',
  bash: 'run',
  exec: 'program',
  argv: 'program',
  processor: 'uses',
  type: 'uses',
  options: 'with',
  params: 'with',
  environment: 'env',
  cwd: 'workdir',
  dir: 'workdir',
  working_dir: 'workdir',
  'working-directory': 'workdir',
  retry: 'retries',
  interpreter: 'shell',
};

/** Keys that may stand at a path of the pipeline file; empty where names are free. */
export function keysAt(path: Path): readonly string[] {
  const [section, name, ...rest] = path;
  if (section === undefined) return PIPELINE_KEYS;
  if (section === 'defaults') return name === undefined ? DEFAULTS_KEYS : retryKeys(path.slice(1));
  if (section === 'params' && name !== undefined && rest.length === 0) return PARAM_KEYS;
  if (section !== 'processors' || name === undefined) return [];
  return rest.length === 0 ? PROCESSOR_KEYS : retryKeys(rest);
}

function retryKeys(path: Path): readonly string[] {
  if (path[0] !== 'retries') return [];
  return path[1] === 'backoff' ? ['initial', 'max', 'factor', 'jitter'] : ['limit', 'backoff'];
}

/** Says more about keys that are not slips of the fingers. */
export function unknownKey(path: Path, key: string): Pick<Complaint, 'message' | 'hint'> | undefined {
  const level = path.length === 0 ? 'pipeline' : keysAt(path) === PROCESSOR_KEYS ? 'processor' : 'other';
  if (level === 'other') return undefined;
  const where = path.length === 0 ? '' : ` in ${subjectOf(path)}`;
  if (LATER_KEYS.includes(key)) {
    return { message: `this version of wiz does not have the key "${key}"${where}`, hint: 'Remove it.' };
  }
  const message = `unknown key "${key}"${where}`;
  const synonyms = level === 'pipeline' ? PIPELINE_SYNONYMS : PROCESSOR_SYNONYMS;
  if (Object.hasOwn(synonyms, key)) return { message, hint: `wiz calls it "${synonyms[key]}".` };
  if (level === 'pipeline' && DEFAULTS_KEYS.includes(key)) {
    return { message, hint: 'Write it in a processor, or under "defaults" for all of them.' };
  }
  if (level === 'pipeline' && PROCESSOR_KEYS.includes(key))
    return { message, hint: 'It is a key of a processor.' };
  if (level === 'processor' && PIPELINE_KEYS.includes(key)) {
    return { message, hint: 'It is a key of the pipeline, not of a processor.' };
  }
  return undefined;
}
