import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** As execvp has it when there is no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The file that a program's name stands for, as an executor on this machine finds it, without links; undefined when
 *  there is none. */
export function programFile(
  name: string,
  searchPath: string | undefined,
  workdir: string,
): string | undefined {
  const file = name.includes('/')
    ? resolve(workdir, name)
    : search(name, searchPath ?? DEFAULT_PATH, workdir);
  if (file === undefined) return undefined;
  try {
    return realpathSync.native(file);
  } catch {
    return undefined;
  }
}

function search(name: string, searchPath: string, workdir: string): string | undefined {
  if (name === '') return undefined;
  return searchPath
    .split(':')
    .map((folder) => resolve(workdir, folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
