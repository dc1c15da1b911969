export type Verdict = 'ok' | 'warn' | 'fail';

/** What one look at this machine found. */
export interface Finding {
  name: string;
  verdict: Verdict;
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
