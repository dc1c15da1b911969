import type { HookSpec } from './hook-spec.ts';
import type { TriggerSpec } from './trigger-spec.ts';

/** A pipeline as it was checked: every default filled in, every duration in milliseconds. */
export interface PipelineSpec {
  name: string;
  description: string;
  params: Record<string, ParamSpec>;
  /** Environment of every processor, in capitals by convention. */
  context: Record<string, string>;
  labels: Record<string, string>;
  /** Most processors of one run at once; null is no limit. */
  concurrency: number | null;
  /** Absolute folder that programs run in, unless a processor says otherwise. */
  workdir: string;
  /** IANA name of the zone of DATE, TIME and DATETIME; null is that of the manager. */
  timeZone: string | null;
  /** Where secrets are found, by name. */
  secrets: Record<string, SecretSpec>;
  /** When staging folders are kept after the end of a run. */
  staging: 'on-failure' | 'always' | 'never';
  /** `run`: all processors of a run on one executor. */
  affinity: 'none' | 'run';
  /** null when the pipeline keeps none. */
  outputs: OutputsSpec | null;
  /** Who is told of what happens in its runs. */
  hooks: HookSpec[];
  /** What starts runs of it. */
  triggers: TriggerSpec[];
  /** In the order of the file. */
  processors: ProcessorSpec[];
}

/** One of them, resolved on the executor. */
export type SecretSpec = { env: string } | { file: string } | { command: string[] };

export interface OutputsSpec {
  /** Path under which a file is kept -> expression text (a file, a list or map of files, or any other value, whose
   *  text is kept). */
  files: Record<string, string>;
  records: { table: string; rows: string }[];
}

/** What the key of a cached processor has beside its action and inputs. */
export interface CacheSpec {
  /** Globs, relative to the processor's folder. */
  inputs: string[];
  /** Names of variables of the environment. */
  env: string[];
  version: string;
  /** Text with expressions; empty is none. */
  key: string;
}

/** When a processor starts, all its needs having ended. */
export type Rule = 'all-succeeded' | 'any-succeeded' | 'all-done' | 'none-failed';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

export interface ParamSpec {
  type: 'string' | 'number' | 'integer' | 'boolean' | 'json';
  description: string;
  required: boolean;
  /** Absent when there is none. */
  default?: JsonValue;
  /** Allowed values; absent is any. */
  enum?: JsonValue[];
}

export interface ProcessorSpec {
  name: string;
  description: string;
  needs: string[];
  action: ActionSpec;
  env: Record<string, string>;
  /** Absolute folder; null is the pipeline's. */
  workdir: string | null;
  retries: RetrySpec;
  /** null is no time-out. */
  timeoutMs: number | null;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  onFailure: 'fail' | 'warn';
  /** Text with an expression, or a boolean as text; null is always. */
  when: string | null;
  rule: Rule;
  /** A list, or a text that is one expression; null is one instance, and the processor itself. */
  each: JsonValue | null;
  /** Lists, or texts that are one expression, by name; null is none. Excludes `each`. */
  matrix: Record<string, JsonValue> | null;
  /** Most instances at once; null is no limit. */
  width: number | null;
  /** An instance that failed for good ends the others. */
  failFast: boolean;
  /** How standard output is read and what standard input has. */
  data: 'auto' | 'json' | 'text' | 'lines' | 'bytes' | 'protobuf';
  /** null is no cache. */
  cache: CacheSpec | null;
  /** Names of the pipeline's secrets that the program sees as variables. */
  secrets: string[];
}

export type ActionSpec =
  | { kind: 'script'; text: string; shell: 'bash' | 'sh' | 'python' | 'node' }
  | { kind: 'program'; argv: string[] }
  | { kind: 'call'; uses: string; with: JsonObject };

export interface RetrySpec {
  /** Attempts after the first. */
  limit: number;
  initialMs: number;
  maxMs: number;
  /** Each wait is the one before times this. */
  factor: number;
  /** Share of the wait, 0 to 1, that is drawn at random. */
  jitter: number;
}
