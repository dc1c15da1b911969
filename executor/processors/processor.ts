import type { z } from 'zod';

/**
 * A bundled processor: what it publishes about itself, and what it does. One file for each.
 * `options` is the schema of `with`; its descriptions and defaults are what `wiz processors NAME` prints.
 */
export interface BundledProcessor<Options extends z.ZodType = z.ZodType> {
  name: string;
  description: string;
  options: Options;
  /** A whole pipeline file that works as it stands on any machine. */
  example: string;
  run(options: z.output<Options>, attempt: ProcessorAttempt): Promise<ProcessorResult> | ProcessorResult;
}

export interface ProcessorAttempt {
  runId: string;
  processor: string;
  attempt: number;
  /** { params, context, outputs } */
  input: { params: JsonObject; context: Record<string, string>; outputs: JsonObject };
  environment: Record<string, string>;
  /** Absolute folder that relative paths refer to. */
  workdir: string;
  /** Aborted on cancel and time-out. */
  signal: AbortSignal;
  /** Lines for the attempt's log. */
  log(text: string): void;
  /** fraction 0 to 1 */
  progress(fraction: number, message?: string): void;
}

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

export interface ProcessorResult {
  /** JSON output; undefined is none. */
  output?: JsonValue;
}

/** A failure with a reason a person and a retry policy can use. */
export class ProcessorFailure extends Error {
  readonly reason: string;
  readonly failureClass: 'app' | 'infra' | 'rate-limited';

  constructor(
    reason: string,
    message: string,
    options: { failureClass?: 'app' | 'infra' | 'rate-limited'; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProcessorFailure';
    this.reason = reason;
    this.failureClass = options.failureClass ?? 'app';
  }
}
