import type { Complaint } from './explain.ts';
import { cacheSchema } from './schema/cache.ts';
import { hookSchema, webhookSchema } from './schema/hooks.ts';
import { outputsSchema, recordsSchema } from './schema/outputs.ts';
import { paramSchema } from './schema/params.ts';
import { defaultsSchema, pipelineSchema } from './schema/pipeline.ts';
import { processorSchema } from './schema/processor.ts';
import { secretSchema } from './schema/secrets.ts';
import { scheduleSchema, triggerSchema } from './schema/triggers.ts';
import { type Path, subjectOf } from './subject.ts';

const PIPELINE_KEYS = Object.keys(pipelineSchema.shape);
const PROCESSOR_KEYS = Object.keys(processorSchema.shape);
const PARAM_KEYS = Object.keys(paramSchema.shape);
const DEFAULTS_KEYS = Object.keys(defaultsSchema.shape);
const CACHE_KEYS = Object.keys(cacheSchema.shape);
const SECRET_KEYS = Object.keys(secretSchema.shape);
const OUTPUTS_KEYS = Object.keys(outputsSchema.shape);
const RECORDS_KEYS = Object.keys(recordsSchema.shape);
const HOOK_KEYS = Object.keys(hookSchema.shape);
const WEBHOOK_KEYS = Object.keys(webhookSchema.shape);
const TRIGGER_KEYS = Object.keys(triggerSchema.shape);
const SCHEDULE_KEYS = Object.keys(scheduleSchema.shape);

/** Keys of the design that come with later versions. */
const LATER_KEYS = ['requires', 'queue'];

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
  maxParallel: 'concurrency',
  'max-parallel': 'concurrency',
  parallelism: 'concurrency',
  timezone: 'timeZone',
  time_zone: 'timeZone',
  tz: 'timeZone',
  artifacts: 'outputs',
  results: 'outputs',
  notifications: 'hooks',
  notify: 'hooks',
  webhooks: 'hooks',
  callbacks: 'hooks',
  schedule: 'triggers',
  schedules: 'triggers',
  cron: 'triggers',
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
  foreach: 'each',
  forEach: 'each',
  for_each: 'each',
  loop: 'each',
  withItems: 'each',
  with_items: 'each',
  if: 'when',
  condition: 'when',
  trigger_rule: 'rule',
  triggerRule: 'rule',
  strategy: 'matrix',
  'max-parallel': 'width',
  maxParallel: 'width',
  max_parallel: 'width',
  parallelism: 'width',
  'fail-fast': 'failFast',
  fail_fast: 'failFast',
  caching: 'cache',
  memoize: 'cache',
};

/** Keys that may stand at a path of the pipeline file; empty where names are free. */
export function keysAt(path: Path): readonly string[] {
  const [section, name, ...rest] = path;
  if (section === undefined) return PIPELINE_KEYS;
  if (section === 'defaults') return name === undefined ? DEFAULTS_KEYS : retryKeys(path.slice(1));
  if (section === 'params' && name !== undefined && rest.length === 0) return PARAM_KEYS;
  if (section === 'cache') return CACHE_KEYS;
  if (section === 'secrets' && name !== undefined) return SECRET_KEYS;
  if (section === 'outputs') {
    if (name === undefined) return OUTPUTS_KEYS;
    return name === 'records' ? RECORDS_KEYS : [];
  }
  if (section === 'hooks' && name !== undefined) return nested(rest, HOOK_KEYS, { webhook: WEBHOOK_KEYS });
  if (section === 'triggers' && name !== undefined)
    return nested(rest, TRIGGER_KEYS, { schedule: SCHEDULE_KEYS });
  if (section !== 'processors' || name === undefined) return [];
  if (rest[0] === 'cache') return CACHE_KEYS;
  return rest.length === 0 ? PROCESSOR_KEYS : retryKeys(rest);
}

/** Keys of an item of a list, and of the maps in it. */
function nested(
  rest: Path,
  own: readonly string[],
  inner: Record<string, readonly string[]>,
): readonly string[] {
  return rest.length === 0 ? own : (rest.length === 1 && inner[rest[0]!]) || [];
}

function retryKeys(path: Path): readonly string[] {
  if (path[0] !== 'retries') return [];
  return path[1] === 'backoff' ? ['initial', 'max', 'factor', 'jitter'] : ['limit', 'backoff'];
}

/** Says more about keys that are not slips of the fingers. */
export function unknownKey(path: Path, key: string): Pick<Complaint, 'message' | 'hint'> | undefined {
  const level = path.length === 0 ? 'pipeline' : keysAt(path) === PROCESSOR_KEYS ? 'processor' : 'other';
  const where = path.length === 0 ? '' : ` in ${subjectOf(path)}`;
  if (path.length === 1 && path[0] === 'defaults' && key === 'cache') {
    const message = `unknown key "${key}"${where}`;
    return { message, hint: 'Write it as a key of the pipeline: it holds for all processors.' };
  }
  if (level === 'other') return undefined;
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
