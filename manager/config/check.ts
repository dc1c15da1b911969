import { exposureOf } from '../access/exposure.ts';
import { checkHook } from '../spec/check-hooks.ts';
import { nearestFinder } from '../spec/nearest.ts';
import type { Path } from '../spec/subject.ts';
import type { DaemonConfig } from './config.ts';

/** Something that only several settings together make wrong. */
export interface TogetherProblem {
  path: Path;
  message: string;
  hint: string;
}

/** What no single setting shows. */
export function checkTogether(config: DaemonConfig): TogetherProblem[] {
  const problems: TogetherProblem[] = [];
  const exposure = exposureOf(config);
  if (exposure !== undefined) problems.push(exposure);
  const { global, secrets } = config.hooks;
  const nearest = nearestFinder();
  for (const [index, hook] of global.entries()) {
    problems.push(...checkHook(hook, ['hooks', 'global', index], { secrets, nearest }));
  }
  return problems;
}
