import { FileStoreError, type FileStoreProblem } from '../../files/file-store.ts';
import { SecretFailure } from '../secrets/secrets.ts';

/** Why an attempt fails that is not its program's exit, in the words of a report. */
export interface FailureCause {
  /** Kebab-case. */
  reason: string;
  /** A sentence without its full stop. */
  message: string;
  /** Not the fault of the pipeline or its programs. Default false. */
  infra?: boolean;
}

export class AttemptFailure extends Error implements FailureCause {
  readonly reason: string;
  readonly infra: boolean;

  constructor(reason: string, message: string, { infra = false, cause }: FailureOptions = {}) {
    super(message, { cause });
    this.name = 'AttemptFailure';
    this.reason = reason;
    this.infra = infra;
  }
}

interface FailureOptions {
  infra?: boolean;
  cause?: unknown;
}

/** What went wrong around an attempt as the report says it; `otherwise` names what nobody has foreseen. */
export function failureCause(error: unknown, otherwise: string): FailureCause {
  const message = (error as Error)?.message ?? String(error);
  return knownCause(error) ?? { reason: otherwise, message: withoutStop(message), infra: true };
}

/** Undefined for an error that is not about files, secrets or what an attempt is given and leaves. */
export function knownCause(error: unknown): FailureCause | undefined {
  if (error instanceof AttemptFailure) return error;
  if (error instanceof SecretFailure) return { reason: error.reason, message: withoutStop(error.message) };
  if (error instanceof FileStoreError) {
    return { ...PROBLEMS[error.problem], message: withoutStop(error.message) };
  }
  return undefined;
}

const PROBLEMS: Record<FileStoreProblem, { reason: string; infra: boolean }> = {
  absent: { reason: 'file-absent', infra: true },
  mismatch: { reason: 'file-mismatch', infra: false },
  changed: { reason: 'file-changed', infra: false },
  unsafe: { reason: 'bad-file', infra: false },
  'too-large': { reason: 'file-too-large', infra: false },
  full: { reason: 'store-full', infra: true },
  'read-only': { reason: 'store-read-only', infra: true },
  unavailable: { reason: 'store-unavailable', infra: true },
};

/** Messages are shown within longer lines. */
function withoutStop(message: string): string {
  return message.replace(/\.$/, '');
}
