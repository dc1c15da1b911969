import { hash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

/**
 * Names the code that an executor runs: the version, and after a plus a hash over Node's version and the sizes
 * and times of the program files beside the entry. A rebuilt or edited executor is another one, so that no
 * command is served by yesterday's.
 */
export function buildId(version: string, entry: string): string {
  const folder = dirname(entry);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => extname(file) === extname(entry))
    .sort();
  const facts = files.map((file) => {
    const { size, mtimeMs } = statSync(join(folder, file));
    return [file, size, mtimeMs];
  });
  const digest = hash('sha256', JSON.stringify([process.version, entry, facts]), 'hex');
  return `${version}+${digest.slice(0, 12)}`;
}
