/**
 * The one error class of wiz. `code` is closed and maps to a Connect code and to a gRPC status of the same
 * name; `message` is a sentence that says what, where and what to do; `cause` is logged and never sent.
 */
export type ErrorCode =
  | 'invalid_argument' // the caller's input is wrong: exit 2
  | 'not_found' // what was named does not exist: exit 2
  | 'already_exists'
  | 'failed_precondition' // right input at the wrong time, for example retrying a run that goes on: exit 2
  | 'permission_denied' // exit 3
  | 'unauthenticated' // exit 3
  | 'resource_exhausted' // disk full, limit reached: exit 3
  | 'unavailable' // cannot reach it now: exit 3
  | 'aborted' // another manager owns it now
  | 'internal'; // our fault

/** A place in a file that the user wrote; line and column count from 1, 0 is "the whole file". */
export interface Diagnostic {
  file: string;
  line: number;
  column: number;
  message: string;
  /** What to do about it; empty when there is nothing to add. */
  hint: string;
}

export class WizError extends Error {
  readonly code: ErrorCode;
  readonly diagnostics: readonly Diagnostic[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; diagnostics?: readonly Diagnostic[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WizError';
    this.code = code;
    this.diagnostics = options.diagnostics ?? [];
  }
}
