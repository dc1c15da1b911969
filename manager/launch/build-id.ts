import { hash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { WizError } from '../../proto/error.ts';

/**
 * Names the code that an executor runs: the version, and after a plus a hash over Node's version and the sizes
 * and times of the program files beside the entry. A rebuilt or edited executor is another one, so that no
 * command is served by yesterday's.
 *
 * Throws WizError internal when the program files cannot be read.
 */
export function buildId(version: string, entry: string): string {
  const facts = JSON.stringify([process.version, entry, programFiles(entry)]);
  const digest = hash('sha256', facts, 'hex');
  return `${version}+${digest.slice(0, 12)}`;
}

function programFiles(entry: string): [file: string, bytes: number, mtimeMs: number][] {
  const folder = dirname(entry);
  try {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    return files
      .filter((file) => extname(file) === extname(entry))
      .map((file) => {
        const { size, mtimeMs } = statSync(join(folder, file));
        return [file, size, mtimeMs];
      });
  } catch (cause) {
    const message = `The executor's program files cannot be read: ${(cause as Error).message}. Install wiz again.`;
    throw new WizError('internal', message, { cause });
  }
}
