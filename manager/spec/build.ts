import { isAbsolute, join, normalize } from 'node:path';
import { inferType } from './check-params.ts';
import { parseDuration } from './durations.ts';
import type { ParamFile, PipelineFile, ProcessorFile, RetriesFile } from './schema.ts';
import type {
  ActionSpec,
  JsonObject,
  JsonValue,
  ParamSpec,
  PipelineSpec,
  ProcessorSpec,
  RetrySpec,
} from './spec.ts';

/** What holds when a file says nothing; docs/pipeline.md lists the same. */
const RETRIES: RetrySpec = { limit: 0, initialMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0.1 };
const GRACE_MS = 10_000;

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
    workdir: resolveFolder(baseDir, file.workdir ?? '.'),
    processors: Array.from(order, (name) =>
      buildProcessor(name, file.processors[name]!, file.defaults ?? {}, baseDir),
    ),
  };
}

function buildProcessor(
  name: string,
  file: ProcessorFile,
  defaults: NonNullable<PipelineFile['defaults']>,
  baseDir: string,
): ProcessorSpec {
  const timeout = file.timeout ?? defaults.timeout ?? 'none';
  const grace = file.grace ?? defaults.grace;
  return {
    name,
    description: file.description ?? '',
    needs: typeof file.needs === 'string' ? [file.needs] : (file.needs ?? []),
    action: buildAction(file, defaults.shell ?? 'bash'),
    env: texts({ ...defaults.env, ...file.env }),
    workdir: file.workdir === undefined ? null : resolveFolder(baseDir, file.workdir),
    retries: buildRetries(file.retries, buildRetries(defaults.retries, RETRIES)),
    timeoutMs: timeout === 'none' ? null : parseDuration(timeout)!,
    graceMs: grace === undefined ? GRACE_MS : parseDuration(grace)!,
    onFailure: file.onFailure ?? defaults.onFailure ?? 'fail',
  };
}

function buildAction(file: ProcessorFile, shell: NonNullable<ProcessorFile['shell']>): ActionSpec {
  if (file.run !== undefined) return { kind: 'script', text: file.run, shell: file.shell ?? shell };
  if (file.program !== undefined) return { kind: 'program', argv: file.program.map(String) };
  return { kind: 'call', uses: file.uses!, with: (file.with ?? {}) as JsonObject };
}

function texts(map: Record<string, string | number | boolean> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
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
  const path = isAbsolute(folder) ? normalize(folder) : join(baseDir, folder);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
