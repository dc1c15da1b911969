import { isAbsolute, join, normalize } from 'node:path';
import { buildHook, buildTriggers } from './build-hooks.ts';
import { inferType } from './check-params.ts';
import { parseDuration } from './durations.ts';
import { normalOutputPath } from './output-paths.ts';
import { isExpression } from './scan-macros.ts';
import type { CacheFile } from './schema/cache.ts';
import type { OutputsFile } from './schema/outputs.ts';
import type { ParamFile } from './schema/params.ts';
import type { PipelineFile } from './schema/pipeline.ts';
import type { ProcessorFile } from './schema/processor.ts';
import type { RetriesFile } from './schema/retries.ts';
import type { SecretFile } from './schema/secrets.ts';
import type {
  ActionSpec,
  CacheSpec,
  JsonObject,
  JsonValue,
  OutputsSpec,
  ParamSpec,
  PipelineSpec,
  ProcessorSpec,
  RetrySpec,
  SecretSpec,
} from './spec.ts';

/** What holds when a file says nothing; docs/pipeline.md lists the same. */
const RETRIES: RetrySpec = { limit: 0, initialMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.1 };
const GRACE_MS = 10_000;
const CACHE: CacheSpec = { inputs: [], env: [], version: '', key: '' };

/**
 * The spec of a checked file: defaults filled in, durations in milliseconds, folders absolute. `order` names
 * the processors as the file has them; a JavaScript object would put names that are numbers first.
 */
export function buildSpec(file: PipelineFile, order: Iterable<string>, baseDir: string): PipelineSpec {
  const params: Record<string, ParamSpec> = {};
  for (const [name, param] of Object.entries(file.params ?? {})) params[name] = buildParam(param);
  return {
    name: file.name,
    description: file.description ?? '',
    params,
    context: texts(file.context),
    labels: texts(file.labels),
    concurrency: file.concurrency ?? null,
    // Without a folder programs run in their staging folder.
    workdir: baseDir === '' && file.workdir === undefined ? '' : resolveFolder(baseDir, file.workdir ?? '.'),
    timeZone: file.timeZone ?? null,
    secrets: buildSecrets(file.secrets ?? {}, baseDir),
    staging: file.staging ?? 'on-failure',
    affinity: file.affinity ?? 'none',
    outputs: file.outputs === undefined ? null : buildOutputs(file.outputs),
    hooks: (file.hooks ?? []).map(buildHook),
    triggers: buildTriggers(file.triggers ?? []),
    processors: Array.from(order, (name) => buildProcessor(name, file.processors[name]!, file, baseDir)),
  };
}

function buildProcessor(
  name: string,
  file: ProcessorFile,
  { defaults = {}, cache }: PipelineFile,
  baseDir: string,
): ProcessorSpec {
  const timeout = file.timeout ?? defaults.timeout ?? 'none';
  const grace = file.grace ?? defaults.grace;
  return {
    name,
    description: file.description ?? '',
    needs: list(file.needs),
    action: buildAction(file, defaults.shell ?? 'bash'),
    env: texts({ ...defaults.env, ...file.env }),
    workdir: file.workdir === undefined ? null : resolveFolder(baseDir, file.workdir),
    retries: buildRetries(file.retries, buildRetries(defaults.retries, RETRIES)),
    timeoutMs: timeout === 'none' ? null : parseDuration(timeout)!,
    graceMs: grace === undefined ? GRACE_MS : parseDuration(grace)!,
    onFailure: file.onFailure ?? defaults.onFailure ?? 'fail',
    when: buildWhen(file.when),
    rule: file.rule ?? 'all-succeeded',
    each: file.each === undefined ? null : trimmed(file.each as JsonValue),
    matrix: file.matrix === undefined ? null : mapValues(file.matrix as JsonObject, trimmed),
    width: file.width ?? null,
    failFast: file.failFast ?? false,
    data: file.data ?? 'auto',
    cache: buildCache(file.cache, cache),
    secrets: list(file.secrets),
  };
}

/** null is always. */
function buildWhen(when: ProcessorFile['when'] = true): string | null {
  const text = trimmed(String(when));
  return text === 'true' ? null : text;
}

/** A block of text ends with a line break, which is no part of the one expression in it. */
function trimmed<Value>(value: Value): Value | string {
  const text = typeof value === 'string' ? value.trim() : '';
  return isExpression(text) ? text : value;
}

function buildCache(own: CacheFile | undefined, pipeline: CacheFile = false): CacheSpec | null {
  const chosen = own ?? pipeline;
  if (chosen === false) return null;
  const maps = [pipeline, chosen].map((file) => (typeof file === 'object' ? file : {}));
  const { inputs, env, version, key } = Object.assign({}, ...maps) as Exclude<CacheFile, boolean>;
  return {
    inputs: inputs === undefined ? CACHE.inputs : list(inputs),
    env: env === undefined ? CACHE.env : list(env),
    version: version === undefined ? CACHE.version : String(version),
    key: key ?? CACHE.key,
  };
}

function buildAction(file: ProcessorFile, shell: NonNullable<ProcessorFile['shell']>): ActionSpec {
  if (file.run !== undefined) return { kind: 'script', text: file.run, shell: file.shell ?? shell };
  if (file.program !== undefined) return { kind: 'program', argv: file.program.map(String) };
  return { kind: 'call', uses: file.uses!, with: (file.with ?? {}) as JsonObject };
}

function buildSecrets(
  file: NonNullable<PipelineFile['secrets']>,
  baseDir: string,
): Record<string, SecretSpec> {
  if (Array.isArray(file)) return Object.fromEntries(file.map((name) => [name, { env: name }]));
  return mapValues(file, ({ env, file: path, command }: SecretFile): SecretSpec => {
    if (env !== undefined) return { env };
    if (command !== undefined) return { command: command.map(String) };
    return { file: resolvePath(baseDir, path!) };
  });
}

function buildOutputs({ files = {}, records = [] }: OutputsFile): OutputsSpec {
  const kept = Object.entries(files).map(([path, value]) => [normalOutputPath(path), trimmed(String(value))]);
  const tables = Array.isArray(records) ? records : [records];
  return {
    files: Object.fromEntries(kept),
    records: tables.map(({ table, rows }) => ({ table, rows: trimmed(rows) })),
  };
}

function list(value: string | string[] | undefined): string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}

function mapValues<In, Out>(map: Record<string, In>, change: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

function texts(map: Record<string, string | number | boolean> = {}): Record<string, string> {
  return mapValues(map, String);
}

/** A number changes the limit only; what a map leaves out stays as it was. */
function buildRetries(file: RetriesFile | undefined, base: RetrySpec): RetrySpec {
  if (file === undefined) return { ...base };
  if (typeof file === 'number') return { ...base, limit: file };
  const { limit, backoff = {} } = file;
  const initialMs = backoff.initial === undefined ? base.initialMs : parseDuration(backoff.initial)!;
  const maxMs = backoff.max === undefined ? base.maxMs : parseDuration(backoff.max)!;
  return {
    limit: limit ?? base.limit,
    // Of two that do not fit together, the one written here wins over the one that is inherited.
    initialMs: backoff.initial === undefined ? Math.min(initialMs, maxMs) : initialMs,
    maxMs: backoff.max === undefined ? Math.max(initialMs, maxMs) : maxMs,
    factor: backoff.factor ?? base.factor,
    jitter: backoff.jitter ?? base.jitter,
  };
}

function buildParam(file: ParamFile | string | number | boolean): ParamSpec {
  const param: ParamFile = typeof file === 'object' ? file : { default: file };
  return {
    type: param.type ?? inferType(param),
    description: param.description ?? '',
    required: param.required ?? param.default === undefined,
    ...(param.default !== undefined && { default: param.default as JsonValue }),
    ...(param.enum !== undefined && { enum: param.enum as JsonValue[] }),
  };
}

/** Without a slash at the end, so that `scripts` and `scripts/` are the same folder. */
function resolveFolder(baseDir: string, folder: string): string {
  const path = resolvePath(baseDir, folder);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function resolvePath(baseDir: string, path: string): string {
  return isAbsolute(path) ? normalize(path) : join(baseDir, path);
}
