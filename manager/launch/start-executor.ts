import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { WizError } from '../../proto/error.ts';
import { type ExecutorFolder, logEnd } from './executor-folder.ts';
import { EXECUTOR_ID_VARIABLE } from './leftovers.ts';

export interface StartOptions {
  executorId: string;
  /** Program file of the executor. */
  entry: string;
  folder: ExecutorFolder;
  /** As programs get it. */
  environment: Record<string, string>;
  slots: number;
  /** Address of the file store. */
  files: string;
  /** Folder in which the runs have their staging folders. */
  staging: string;
  /** Milliseconds; absent is the executor's default. */
  warmMs?: number;
  orphanMs?: number;
}

export interface StartingExecutor {
  /** 0 when it could not be started. */
  pid: number;
  /** Resolves when it serves. Rejects with WizError unavailable, with the end of its log, when it ends before
   *  or takes too long; the process is gone then, or killed. Aborted, it rejects and leaves the process: it ends
   *  by itself when nobody calls it. */
  ready: Promise<void>;
}

/** File descriptor on which an executor says that it serves. */
const READY_FD = 3;

/** Starts an executor that outlives this process: in a session of its own, writing to its own log. */
export function startExecutor(
  options: StartOptions,
  timeoutMs: number,
  signal: AbortSignal,
): StartingExecutor {
  const { folder } = options;
  const log = openSync(folder.logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, [options.entry, ...flags(options)], {
      cwd: folder.path,
      detached: true,
      env: { ...options.environment, [EXECUTOR_ID_VARIABLE]: options.executorId },
      stdio: ['ignore', log, log, 'pipe'],
    });
    const ready = untilReady(child, folder.logFile, timeoutMs, signal);
    // Whoever started it may be busy with something else when this fails.
    ready.catch(() => {});
    return { pid: child.pid ?? 0, ready };
  } finally {
    closeSync(log);
  }
}

function flags({ executorId, folder, slots, files, staging, warmMs, orphanMs }: StartOptions): string[] {
  const given = ['--listen', folder.address, '--token-file', folder.tokenFile, '--id', executorId];
  given.push('--home', folder.path, '--slots', String(slots), '--ready-fd', String(READY_FD));
  given.push('--files', files, '--staging', staging);
  if (warmMs !== undefined) given.push('--warm', String(warmMs));
  if (orphanMs !== undefined) given.push('--orphan', String(orphanMs));
  return given;
}

function untilReady(
  child: ChildProcess,
  logFile: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const pipe = child.stdio[READY_FD] as Readable;
  const { promise, resolve, reject } = Promise.withResolvers<void>();

  const fail = (what: string, cause?: Error) => {
    const end = logEnd(logFile);
    const log = end === '' ? 'Its log is empty.' : `The end of its log:\n${end}`;
    reject(new WizError('unavailable', `The local executor ${what}. ${log}`, { cause }));
  };
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    fail(`was not ready after ${timeoutMs / 1000} s and was ended`);
  }, timeoutMs);
  const abort = () => reject(new WizError('unavailable', 'Waiting for the local executor was given up.'));
  signal.addEventListener('abort', abort);

  let line = '';
  pipe.setEncoding('utf8').on('data', (text: string) => {
    line += text;
    if (line.includes('\n')) resolve();
  });
  pipe.on('error', () => {});
  child.on('error', (error) => fail(`cannot be started: ${error.message}`, error));
  child.on('exit', (code, name) => fail(`ended before it was ready (${name ?? `exit code ${code}`})`));

  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    pipe.destroy();
    child.unref();
  });
}
