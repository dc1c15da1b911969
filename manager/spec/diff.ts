import { Change } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import { formatDuration } from './durations.ts';
import type { JsonObject, JsonValue, ParamSpec, PipelineSpec, ProcessorSpec } from './spec.ts';
import { writeHook, writeTrigger } from './write-hooks.ts';

/** What changed between two specs, in the shapes of wiz.v1.AppliedPipeline. */
export interface SpecDiff {
  change: Change;
  /** Of the pipeline's own keys; `order` when processors that stayed are in another order. */
  fields: FieldDiff[];
  /** Created, updated and removed ones: first in the order of the new spec, then what is gone. */
  processors: ProcessorDiff[];
}

export interface FieldDiff {
  /** Dotted path in the words of the pipeline file: `retries.limit`, `with.headers."a.b"`. */
  path: string;
  /** JSON; empty when the field was or is not there. */
  beforeJson: string;
  afterJson: string;
}

export interface ProcessorDiff {
  name: string;
  change: Change;
  /** Empty for created and removed ones. */
  fields: FieldDiff[];
}

/**
 * Compares by meaning: defaults are filled in, durations are in one form, order of keys does not count. The
 * order of processors does (it is the order in which ready ones start and in which they are shown), so
 * the difference is empty exactly when `stableJson` of both is the same.
 */
export function diffSpecs(before: PipelineSpec | undefined, after: PipelineSpec): SpecDiff {
  if (before === undefined) {
    const processors = after.processors.map(({ name }) => ({ name, change: Change.CREATED, fields: [] }));
    return { change: Change.CREATED, fields: [], processors };
  }
  const fields = diffValues(writePipeline(before), writePipeline(after));
  const processors = diffProcessors(before, after);
  const order = diffOrder(before, after);
  if (order !== undefined) fields.push(order);
  const unchanged = fields.length === 0 && processors.length === 0;
  return { change: unchanged ? Change.UNCHANGED : Change.UPDATED, fields, processors };
}

/** Canonical JSON of a spec: keys sorted, processors and the names of a matrix in the order of the file, which is the
 *  order of instances. Equal text is an equal spec. */
export function stableJson(spec: PipelineSpec): string {
  return sortedJson(spec, new Set(spec.processors.map(({ matrix }) => matrix)));
}

/** Canonical JSON of a part of a spec. */
export function stableValue(value: unknown): string {
  return sortedJson(value);
}

function sortedJson(root: unknown, kept: ReadonlySet<unknown> = new Set()): string {
  return JSON.stringify(root, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !kept.has(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function diffProcessors(before: PipelineSpec, after: PipelineSpec): ProcessorDiff[] {
  const old = new Map(before.processors.map((processor) => [processor.name, processor]));
  const changes: ProcessorDiff[] = [];
  for (const processor of after.processors) {
    const { name } = processor;
    const was = old.get(name);
    old.delete(name);
    if (was === undefined) {
      changes.push({ name, change: Change.CREATED, fields: [] });
      continue;
    }
    const fields = diffValues(writeProcessor(was), writeProcessor(processor));
    const order = diffMatrixOrder(was, processor);
    if (order !== undefined) fields.push(order);
    if (fields.length > 0) changes.push({ name, change: Change.UPDATED, fields });
  }
  for (const name of old.keys()) changes.push({ name, change: Change.REMOVED, fields: [] });
  return changes;
}

function diffOrder(before: PipelineSpec, after: PipelineSpec): FieldDiff | undefined {
  const was = before.processors.map(({ name }) => name);
  const is = after.processors.map(({ name }) => name);
  const [wasSet, isSet] = [new Set(was), new Set(is)];
  const stayedBefore = was.filter((name) => isSet.has(name));
  const stayedAfter = is.filter((name) => wasSet.has(name));
  if (stayedBefore.every((name, index) => name === stayedAfter[index])) return undefined;
  return { path: 'order', beforeJson: JSON.stringify(was), afterJson: JSON.stringify(is) };
}

/** The same names in another order are other instances. */
function diffMatrixOrder(before: ProcessorSpec, after: ProcessorSpec): FieldDiff | undefined {
  const was = Object.keys(before.matrix ?? {});
  const is = Object.keys(after.matrix ?? {});
  const [beforeJson, afterJson] = [JSON.stringify(was), JSON.stringify(is)];
  if (beforeJson === afterJson || beforeJson.length !== afterJson.length) return undefined;
  if (!was.every((name) => is.includes(name))) return undefined;
  return { path: 'matrix', beforeJson, afterJson };
}

/** Maps are compared key by key, everything else as a whole. */
function diffValues(before: JsonObject, after: JsonObject, prefix = ''): FieldDiff[] {
  const fields: FieldDiff[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const path = prefix + (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    const is = Object.hasOwn(after, key) ? after[key] : undefined;
    if (isMap(was) && isMap(is)) {
      fields.push(...diffValues(was, is, `${path}.`));
      continue;
    }
    const [beforeJson, afterJson] = [canonical(was), canonical(is)];
    if (beforeJson !== afterJson) fields.push({ path, beforeJson, afterJson });
  }
  return fields;
}

function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function canonical(value: JsonValue | undefined): string {
  return value === undefined ? '' : sortedJson(value);
}

// -- specs in the words of the file ------------------------------------------------------------------------

function writePipeline(spec: PipelineSpec): JsonObject {
  const { name, description, context, labels, concurrency, workdir, timeZone, staging, affinity } = spec;
  const params: JsonObject = {};
  for (const [key, param] of Object.entries(spec.params)) params[key] = writeParam(param);
  return {
    name,
    description,
    params,
    context,
    secrets: spec.secrets as Record<string, JsonObject>,
    labels,
    concurrency,
    timeZone,
    workdir,
    staging,
    affinity,
    ...(spec.outputs !== null && { outputs: spec.outputs as unknown as JsonObject }),
    ...(spec.hooks.length > 0 && { hooks: spec.hooks.map(writeHook) }),
    ...(spec.triggers.length > 0 && {
      triggers: Object.fromEntries(spec.triggers.map((trigger) => [trigger.name, writeTrigger(trigger)])),
    }),
  };
}

function writeParam(param: ParamSpec): JsonObject {
  const { type, description, required } = param;
  return {
    type,
    description,
    required,
    ...(param.default !== undefined && { default: param.default }),
    ...(param.enum !== undefined && { enum: param.enum }),
  };
}

function writeProcessor(processor: ProcessorSpec): JsonObject {
  const { description, needs, env, workdir, onFailure, retries, timeoutMs, graceMs } = processor;
  const { when, rule, each, matrix, width, failFast, data, cache, secrets } = processor;
  return {
    description,
    needs,
    rule,
    when: when === null ? true : when === 'false' ? false : when,
    ...(each !== null && { each }),
    ...(matrix !== null && { matrix }),
    width,
    failFast,
    ...writeAction(processor),
    data,
    env,
    secrets,
    workdir,
    cache: cache === null ? false : { ...cache },
    retries: {
      limit: retries.limit,
      backoff: {
        initial: formatDuration(retries.initialMs),
        max: formatDuration(retries.maxMs),
        factor: retries.factor,
        jitter: retries.jitter,
      },
    },
    timeout: timeoutMs === null ? 'none' : formatDuration(timeoutMs),
    grace: formatDuration(graceMs),
    onFailure,
  };
}

function writeAction({ action }: ProcessorSpec): JsonObject {
  switch (action.kind) {
    case 'script':
      return { run: action.text, shell: action.shell };
    case 'program':
      return { program: action.argv };
    case 'call':
      return { uses: action.uses, with: action.with };
  }
}
