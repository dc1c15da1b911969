import { join } from 'node:path';
import { WizError } from '../../../proto/error.ts';
import { ID_LENGTH } from '../../../proto/ids.ts';

/**
 * Where the log of an attempt is: HOME/runs/RUN/logs/PROCESSOR.ATTEMPT.log. The names come in messages, so
 * each is checked before it becomes a part of a path.
 */

const RUN_ID = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}$`);
const PROCESSOR = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
const LOG_FILE = /^(.+)\.([1-9][0-9]*)\.log$/;

export function logFolder(home: string, runId: string): string {
  if (!RUN_ID.test(runId))
    throw new WizError('invalid_argument', `${JSON.stringify(runId)} is not the id of a run.`);
  return join(home, 'runs', runId, 'logs');
}

export function logPath(home: string, runId: string, processor: string, attempt: number): string {
  if (!PROCESSOR.test(processor)) {
    throw new WizError('invalid_argument', `${JSON.stringify(processor)} is not the name of a processor.`);
  }
  if (!Number.isSafeInteger(attempt) || attempt < 1) {
    throw new WizError('invalid_argument', `${attempt} is not the number of an attempt; they count from 1.`);
  }
  return join(logFolder(home, runId), `${processor}.${attempt}.log`);
}

/** What a file of a log folder is the log of; undefined for other files. */
export function parseLogName(name: string): { processor: string; attempt: number } | undefined {
  const match = LOG_FILE.exec(name);
  if (match === null || !PROCESSOR.test(match[1]!)) return undefined;
  return { processor: match[1]!, attempt: Number(match[2]) };
}
