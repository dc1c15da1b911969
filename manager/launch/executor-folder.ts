import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { WizError } from '../../proto/error.ts';
import { findLeftovers } from './leftovers.ts';

/** Where a local executor lives: $WIZ_HOME/executors/ID, for its owner only. */
export interface ExecutorFolder {
  path: string;
  /** unix:/path of its socket. */
  address: string;
  token: string;
  tokenFile: string;
  logFile: string;
}

/** Bytes that the path of a unix socket may have: sun_path without its final zero. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;
/** Bytes: what of a log goes into an error. */
const LOG_END_BYTES = 4096;
/** Milliseconds: far longer than a start takes. */
const STALE_MS = 10 * 60 * 1000;

export function executorFolderPath(home: string, executorId: string): string {
  return join(home, 'executors', executorId);
}

/** Throws WizError resource_exhausted or permission_denied when the folder cannot be made. */
export function createExecutorFolder(home: string, executorId: string): ExecutorFolder {
  const path = executorFolderPath(home, executorId);
  const token = randomBytes(32).toString('base64url');
  const tokenFile = join(path, 'token');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const socket = socketPath(path);
    return { path, address: `unix:${socket}`, token, tokenFile, logFile: join(path, 'executor.log') };
  } catch (cause) {
    rmSync(path, { recursive: true, force: true });
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new WizError(
      full ? 'resource_exhausted' : 'permission_denied',
      `The executor's folder ${path} cannot be made: ${message}. ${full ? 'Make room there' : 'Give access to it'}, or set WIZ_HOME to another folder.`,
      { cause },
    );
  }
}

/** In the executor's folder; when its path is too long for a socket, in a folder of its own with a short one. */
function socketPath(folder: string): string {
  const path = join(folder, 'socket');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  // mkdtemp makes a folder for its owner only.
  return join(mkdtempSync(join(tmpdir(), 'wiz-')), 's');
}

/** Removes all of a dead executor's, wherever its socket was. A manager of another state folder on this machine, with the same
 *  store, may have started it: its socket tells where it lived. */
export function removeExecutorFolder(home: string, executor: { executorId: string; address: string }): void {
  const { executorId, address } = executor;
  const socket = address.replace(/^unix:/, '');
  if (dirname(socket) === executorFolderPath(dirname(dirname(dirname(socket))), executorId)) {
    return rmSync(dirname(socket), { recursive: true, force: true });
  }
  rmSync(socket, { force: true });
  try {
    rmdirSync(dirname(socket));
  } catch {
    // It is gone already, or holds what is not ours.
  }
  rmSync(executorFolderPath(home, executorId), { recursive: true, force: true });
}

/** Removes folders of executors that no row tells of: left by a manager that was killed while it started one.
 *  An executor of which there is still a process, and one that is just being started, keep theirs. */
export function removeStaleFolders(home: string, known: ReadonlySet<string>): void {
  const folder = join(home, 'executors');
  for (const executorId of readdirSync(folder)) {
    if (known.has(executorId)) continue;
    const path = join(folder, executorId);
    const ageMs = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (ageMs > STALE_MS && findLeftovers(executorId).length === 0)
      rmSync(path, { recursive: true, force: true });
  }
}

/** The last lines of a log, for an error; empty when there are none. */
export function logEnd(file: string): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, LOG_END_BYTES));
      readSync(fd, bytes, 0, bytes.length, size - bytes.length);
      const text = bytes.toString().trimEnd();
      // A line that the cut goes through is left out.
      return size > bytes.length ? text.slice(text.indexOf('\n') + 1) : text;
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
