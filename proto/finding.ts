/** What one look of `wiz doctor` found, on the side of the command line or of a daemon. */
export interface Finding {
  name: string;
  verdict: 'ok' | 'warn' | 'fail';
  /** What was found. */
  message: string;
  /** What to do about it; empty when all is well. */
  advice: string;
}

export function ok(name: string, message: string): Finding {
  return { name, verdict: 'ok', message, advice: '' };
}

export function warn(name: string, message: string, advice: string): Finding {
  return { name, verdict: 'warn', message, advice };
}

export function fail(name: string, message: string, advice: string): Finding {
  return { name, verdict: 'fail', message, advice };
}

/** Of an error its message, with those of what caused it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  const own = message || (error as NodeJS.ErrnoException).code || error.name;
  return cause instanceof Error && cause.message && !own.includes(cause.message)
    ? `${own}: ${cause.message}`
    : own;
}
