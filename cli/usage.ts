import type { Diagnostic } from '../proto/error.ts';

/**
 * Exit codes, documented in docs/cli.md: 0 succeeded, 1 the run failed, 2 usage or a bad file, 3 cannot reach, not
 * allowed, or a fault of wiz itself, 10 a plan in which something would run.
 */
export const RUN_FAILED = 1;
export const USAGE = 2;
export const UNREACHABLE = 3;
/** `wiz run --plan`: something would run. */
export const WOULD_RUN = 10;

/** The caller asked for something that is not there or makes no sense. */
export class UsageError extends Error {
  readonly hint: string;
  /** What is wrong in which place of a file. */
  readonly diagnostics: readonly Diagnostic[];
  constructor(message: string, hint = '', diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
    this.diagnostics = diagnostics;
  }
}
