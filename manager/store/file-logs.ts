import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  writevSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LogChunk } from '../../proto/gen/wiz/v1/executors_pb.js';
import { findEnd, readStreamEnds, StreamEnds } from './logs/end.ts';
import { fullError, logError } from './logs/errors.ts';
import {
  encodeHeader,
  encodeTrailer,
  type Frame,
  frameBytes,
  framesOf,
  type Kept,
  keptBytes,
  MAX_DATA_BYTES,
  streamOf,
} from './logs/frame.ts';
import { logFolder, logPath, parseLogName } from './logs/path.ts';
import { readFrames } from './logs/reader.ts';
import type { LogStore } from './logs.ts';

/**
 * Logs as one file for each attempt that logged anything (see logs/frame.ts), under runs/RUN/logs of `home`.
 *
 * An attempt is *unknown* until its first chunk, then *open* (its descriptor is kept, the longest unused of
 * more than MAX_OPEN is closed), then *closed* when it lost its descriptor to another, and unknown again when it
 * finished. What is kept of an open or closed one in memory is its two offsets and its last line.
 *
 * Written data survives the end of the process, not a power cut: nothing is synced.
 *
 * A run changes hands, and its logs with it: whoever had it before may still have an attempt open, or stand still and wake
 * up later. An attempt whose file is not as long as this process left it is recovered from the file before anything is
 * added or told. Two that write within the same microseconds are not kept apart.
 */
export function openFileLogs(home: string): FileLogs {
  const attempts = new Map<string, Attempt>();
  /** Those with a descriptor, the longest unused first. */
  const open = new Set<Attempt>();

  function attemptOf(runId: string, processor: string, attempt: number): Attempt {
    const key = `${runId}/${processor}/${attempt}`;
    let found = attempts.get(key);
    if (found !== undefined && isForeign(found)) {
      closeAttempt(found);
      found = undefined;
    }
    if (found === undefined) {
      found = recover(logPath(home, runId, processor, attempt));
      attempts.set(key, found);
    }
    return found;
  }

  function descriptorOf(attempt: Attempt): number {
    open.delete(attempt);
    attempt.fd ??= openForAppend(attempt.path);
    open.add(attempt);
    if (open.size > MAX_OPEN) {
      for (const oldest of open) {
        closeAttempt(oldest);
        break;
      }
    }
    return attempt.fd;
  }

  function closeAttempt(attempt: Attempt): void {
    open.delete(attempt);
    if (attempt.fd !== undefined) closeSync(attempt.fd);
    attempt.fd = undefined;
  }

  return {
    append(chunk) {
      const attempt = attemptOf(chunk.runId, chunk.processor, chunk.attempt);
      for (const { frame, data } of framesOf(chunk, attempt.kept, MAX_DATA_BYTES)) {
        writeFrame(descriptorOf(attempt), attempt.path, frame, data);
        attempt.size += frameBytes(frame);
        attempt.ends.append(frame.stream, data);
      }
      return attempt.kept[streamOf(chunk)];
    },

    read: (query) => readFrames(logPath(home, query.runId, query.processor, query.attempt), query),

    async list(runId) {
      const folder = logFolder(home, runId);
      const names = await readdir(folder).catch((error) => {
        if (error.code === 'ENOENT') return [];
        throw logError(error, folder);
      });
      return names.flatMap((name) => {
        const parsed = parseLogName(name);
        if (parsed === undefined) return [];
        const bytes = withFile(join(folder, name), 0, (fd) => {
          const { last } = findEnd(fd);
          return last === undefined ? 0 : last.offset + last.length + last.otherOffset;
        });
        return [{ ...parsed, bytes }];
      });
    },

    async tails(runId, wanted) {
      return wanted.map(({ processor, attempt }) => {
        const known = attempts.get(`${runId}/${processor}/${attempt}`);
        if (known !== undefined && !isForeign(known)) return known.ends.lastLine();
        return withFile(logPath(home, runId, processor, attempt), '', (fd) =>
          readStreamEnds(fd, findEnd(fd).end).lastLine(),
        );
      });
    },

    finish(runId, processor, attempt) {
      const key = `${runId}/${processor}/${attempt}`;
      const known = attempts.get(key);
      if (known === undefined) return;
      closeAttempt(known);
      attempts.delete(key);
    },

    async close() {
      for (const attempt of open) closeAttempt(attempt);
      attempts.clear();
    },
  };
}

/** Files are written at once. */
export interface FileLogs extends LogStore {
  append(chunk: LogChunk): number;
}

/** Descriptors kept open: far below the usual limit of 1,024 for a process. */
const MAX_OPEN = 128;

interface Attempt {
  path: string;
  fd: number | undefined;
  /** Bytes of each stream that are in the file. */
  kept: Kept;
  ends: StreamEnds;
  /** Bytes of the file as this process left it. */
  size: number;
}

/** Whether another process has written to its file. */
function isForeign({ fd, path, size }: Attempt): boolean {
  const now = fd === undefined ? statSync(path, { throwIfNoEntry: false })?.size : fstatSync(fd).size;
  return (now ?? 0) !== size;
}

/** What an earlier process kept of it; a frame that its end cut short is taken away. Makes no file. */
function recover(path: string): Attempt {
  const kept = { stdout: 0, stderr: 0 };
  const nothing: Attempt = { path, fd: undefined, kept, ends: new StreamEnds(), size: 0 };
  return withFile(path, nothing, (fd) => {
    const { last, end } = findEnd(fd);
    if (last === undefined) return nothing;
    return { path, fd: undefined, kept: keptBytes(last), ends: readStreamEnds(fd, end), size: end };
  });
}

function openForAppend(path: string): number {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, flags, 0o600);
    const { end } = findEnd(fd);
    if (end < fstatSync(fd).size) ftruncateSync(fd, end);
    return fd;
  } catch (error) {
    throw logError(error, path);
  }
}

/** Whole or not at all. */
function writeFrame(fd: number, path: string, frame: Frame, data: Uint8Array): void {
  let written = 0;
  try {
    written = writevSync(fd, [encodeHeader(frame), data, encodeTrailer(frame)]);
    if (written === frameBytes(frame)) return;
  } catch (error) {
    throw logError(error, path);
  }
  // A file takes less than it is given only when there is no room for more.
  ftruncateSync(fd, fstatSync(fd).size - written);
  throw fullError(path, undefined);
}

function withFile<T>(path: string, absent: T, work: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw logError(error, path);
  }
  try {
    return work(fd);
  } catch (error) {
    throw logError(error, path);
  } finally {
    closeSync(fd);
  }
}
