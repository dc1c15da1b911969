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
  if (!config.roles.includes('runs') && config.store.startsWith('sqlite:')) {
    problems.push({
      path: ['roles'],
      message:
        'without the role "runs" other managers must own the runs, and they cannot share an SQLite file over the network',
      hint: 'Name a postgres:// store, or add "runs".',
    });
  }
  const exposure = exposureOf(config);
  if (exposure !== undefined) problems.push(exposure);
  return problems;
}
