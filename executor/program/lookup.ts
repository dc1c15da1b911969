import fs from 'node:fs';
import path from 'node:path';
import type { FailureCause } from '../data/attempt-failure.ts';

/** Why a program cannot be started. */
export type StartFailure = FailureCause;

/**
 * Finds programs as execvp does: a name with a slash is a path relative to `workdir`, any other is looked up
 * in `searchPath`, whose relative entries are relative to `workdir` too. What was found is remembered until
 * `forget`, so that a fan-out does not search the same folders again and again.
 */
export function createProgramLookup() {
  const found = new Map<string, string>();

  return {
    find(name: string, searchPath: string, workdir: string): string | StartFailure {
      if (name === '') return { reason: 'not-found', message: 'the program has an empty name' };
      if (name.includes('/')) return path.resolve(workdir, name);
      const key = `${name}\0${searchPath}\0${workdir}`;
      const known = found.get(key);
      if (known !== undefined) return known;
      let denied: string | undefined;
      for (const folder of searchPath.split(':')) {
        const candidate = path.resolve(workdir, folder, name);
        const state = inspect(candidate);
        if (state === 'executable') {
          if (found.size >= 1000) found.clear();
          found.set(key, candidate);
          return candidate;
        }
        if (state === 'not-executable') denied ??= candidate;
      }
      if (denied !== undefined) return notExecutable(denied);
      return {
        reason: 'not-found',
        message: `program "${name}" was not found; looked in PATH (${searchPath}). Install it, or give its path`,
      };
    },
    forget: () => found.clear(),
  };
}

/** What an error code of the start means, found out after the fact so that good starts pay nothing for it. */
export function explainRefusal(code: string, name: string, file: string, workdir: string): StartFailure {
  const folder = fs.statSync(workdir, { throwIfNoEntry: false });
  if (folder === undefined || !folder.isDirectory()) return badWorkdir(workdir, folder !== undefined);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'EISDIR':
    case 'ELOOP':
      return explainMissing(code, name, file, workdir);
    case 'ENOEXEC':
      return {
        reason: 'not-executable',
        message: `"${file}" is not a program of this machine, nor a script that begins with #!`,
      };
    case 'E2BIG':
      return {
        reason: 'arguments-too-large',
        message: `the arguments and the environment of "${name}" are larger than the system allows; pass large values in files (WIZ_INPUT has the inputs)`,
      };
    case 'EMFILE':
    case 'ENFILE':
    case 'EAGAIN':
    case 'ENOMEM':
      return {
        reason: 'resource-exhausted',
        message: `the machine had no process, memory or file descriptor left for "${name}" (${code})`,
        infra: true,
      };
    default:
      return { reason: 'start-failed', message: `"${file}" could not be started (${code})`, infra: true };
  }
}

function explainMissing(code: string, name: string, file: string, workdir: string): StartFailure {
  const state = inspect(file);
  if (state === 'missing') {
    return {
      reason: 'not-found',
      message: `program "${name}" was not found; looked at ${file}. Paths are relative to the workdir, ${workdir}`,
    };
  }
  if (state === 'not-executable') return notExecutable(file);
  const interpreter = interpreterOf(file);
  if (interpreter !== '' && inspect(interpreter) !== 'executable') {
    return {
      reason: 'not-found',
      message: `"${file}" wants the interpreter ${interpreter}, which was not found; correct its #! line`,
    };
  }
  if (code === 'EACCES') return { reason: 'bad-workdir', message: `no permission to enter ${workdir}` };
  return {
    reason: 'not-executable',
    message: `"${file}" needs a loader or library that is missing (${code})`,
  };
}

function badWorkdir(workdir: string, exists: boolean): StartFailure {
  const what = exists ? 'is not a folder' : 'does not exist';
  return { reason: 'bad-workdir', message: `the workdir ${workdir} ${what}; create it or correct workdir` };
}

function notExecutable(file: string): StartFailure {
  const isFolder = fs.statSync(file, { throwIfNoEntry: false })?.isDirectory();
  const why = isFolder ? 'is a folder' : 'is not executable; run chmod +x on it';
  return { reason: 'not-executable', message: `"${file}" ${why}` };
}

/** A text file without #!, which shells and execvp hand to sh. */
export function isPlainScript(file: string): boolean {
  const head = headOf(file);
  return (
    head !== undefined && head.length > 0 && !head.includes(0) && !head.toString('latin1').startsWith('#!')
  );
}

function interpreterOf(file: string): string {
  const head = headOf(file)?.toString('utf8') ?? '';
  return /^#![ \t]*([^\s]+)/.exec(head)?.[1] ?? '';
}

function headOf(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    const head = Buffer.alloc(256);
    return head.subarray(0, fs.readSync(fd, head));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function inspect(file: string): 'executable' | 'not-executable' | 'missing' {
  try {
    if (!fs.statSync(file).isFile()) return 'not-executable';
  } catch {
    return 'missing';
  }
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return 'executable';
  } catch {
    return 'not-executable';
  }
}
