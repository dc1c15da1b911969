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
  /** In the order of the file. */
  processors: ProcessorSpec[];
}

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
