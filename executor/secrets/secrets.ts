import type { Secret } from '../../proto/gen/wiz/v1/executors_pb.js';

/**
 * The secrets of one attempt: their values, and what keeps them out of everything that leaves the attempt. Values are
 * resolved here, where the work is done, and held in memory only.
 */
export interface AttemptSecrets {
  /** Throws when there is none of that name. */
  value(name: string): string;
  /** Variables of those that are exposed. */
  readonly environment: Record<string, string>;
  /** The text with every value, plain or base64 or URL-encoded, replaced by `***`. */
  redactText(text: string): string;
  redactBytes(bytes: Uint8Array): Uint8Array;
  /** For a stream: one for each. */
  redactor(): StreamRedactor;
}

/** Replaces values in a stream, also those that are split over its chunks. */
export interface StreamRedactor {
  /** What is safe to pass on now; the rest is held back until more is known. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. */
  end(): Uint8Array;
  /** Whether something was replaced so far. */
  changed(): boolean;
}

/** The attempt fails with this: secret-missing, secret-unreadable, secret-command-failed. Says the name, never the
 *  value. */
export class SecretFailure extends Error {
  readonly reason: string;

  constructor(reason: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SecretFailure';
    this.reason = reason;
  }
}

export type ResolveSecrets = (
  secrets: readonly Secret[],
  ground: { environment: NodeJS.ProcessEnv; signal: AbortSignal },
) => Promise<AttemptSecrets>;
