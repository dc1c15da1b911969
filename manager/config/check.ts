import { exposureOf } from '../access/exposure.ts';
import type { DaemonConfig } from './config.ts';

/** Something that only several settings together make wrong. */
export interface TogetherProblem {
  path: string[];
  message: string;
  hint: string;
}

/** What no single setting shows. */
export function checkTogether(config: DaemonConfig): TogetherProblem[] {
  const problems: TogetherProblem[] = [];
  const exposure = exposureOf(config);
  if (exposure !== undefined) problems.push(exposure);
  return problems;
}
