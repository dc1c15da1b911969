import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WizError } from '../proto/error.ts';

/** Where local executors keep the staging folders of runs: RUN/EXECUTOR below it. */
export function stagingFolder(home: string): string {
  return join(home, 'staging');
}

/** Makes the state folder, readable for its owner only. Throws WizError unavailable or resource_exhausted. */
export function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    const advice = full ? 'Free some space' : 'Set WIZ_HOME to a folder that you can write to';
    throw new WizError(
      full ? 'resource_exhausted' : 'unavailable',
      `The state folder ${home} cannot be made: ${message}. ${advice}.`,
      { cause },
    );
  }
}
