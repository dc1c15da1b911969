import type { z } from 'zod';
import type { SpanName } from '../../proto/trace-context.ts';

/** zod, handed to processors when their options are needed: it takes 30 ms to load, which a no-op or a
 *  program must not pay. */
export type Zod = typeof z;

/**
 * A bundled processor: what it publishes about itself, and what it does. One file for each, which imports
 * nothing heavy before `run`.
 */
export interface BundledProcessor<Options extends z.ZodType = z.ZodType> {
  name: string;
  description: string;
  /** The schema of `with`; its descriptions and defaults are what `wiz processors NAME` prints. */
  options(zod: Zod): Options;
  /** The options that an empty `with` stands for. With them nothing is parsed, and nothing loaded. */
  emptyOptions?: z.output<Options>;
  /** JSON Schema of the output; absent when it is free-form. */
  outputSchema?: JsonObject;
  /** A whole pipeline file that works as it stands on any machine. */
  example: string;
  /** A plain result is the fast path: the report goes out in the same turn. A promise must settle soon after
   *  the signal is aborted. */
  run(options: z.output<Options>, attempt: ProcessorAttempt): Promise<ProcessorResult> | ProcessorResult;
}

/** Keeps the type of the options for `run`. */
export function defineProcessor<Options extends z.ZodType>(
  processor: BundledProcessor<Options>,
): BundledProcessor {
  return processor as unknown as BundledProcessor;
}

export interface ProcessorAttempt {
  runId: string;
  processor: string;
  attempt: number;
  /** What programs find in WIZ_INPUT; put together when it is asked for. */
  input(): Promise<ProcessorInput>;
  environment: Record<string, string>;
  /** Absolute folder that relative paths refer to: the processor's, else the run's staging folder. */
  workdir: string;
  /** The attempt's span; undefined when nobody traces the run. */
  readonly span: SpanName | undefined;
  /** Aborted on cancel and time-out. */
  signal: AbortSignal;
  /** Lines for the attempt's log. */
  log(text: string): void;
  /** fraction 0 to 1 */
  progress(fraction: number, message?: string): void;
}

export interface ProcessorInput {
  params: JsonObject;
  context: Record<string, string>;
  /** By processor needed. */
  outputs: JsonObject;
  /** By processor needed and name: { name, path, hash, size, folder, mediaType }. */
  files: JsonObject;
  /** Of an instance. */
  item?: JsonValue;
  index?: number;
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
