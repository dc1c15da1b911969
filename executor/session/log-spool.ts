import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { LogStream } from '../../proto/gen/wiz/v1/data_pb.js';
import { type LogChunk, LogChunkSchema } from '../../proto/gen/wiz/v1/executors_pb.js';

/**
 * Log chunks of one attempt that the manager has not acknowledged, in the order they were written.
 *
 * The head of the line is in memory: chunks that were sent and wait for their acknowledgement, then chunks to
 * send. What does not fit goes to a file behind it and is read back in order as acknowledgements make room.
 * - While a manager listens, an attempt over its window makes the program wait: `push` returns a promise.
 * - While nobody listens the program goes on into the file, until the executor's disk limit; then it waits.
 * - When all attempts together hold more than the executor's memory, chunks go to the file in either case.
 */
export interface LogSpool {
  /** The chunk is taken in any case; the promise resolves when there is room for more. */
  push(chunk: LogChunk): Promise<void> | undefined;
  /** The next chunk that was not sent yet, now counted as sent. */
  next(): LogChunk | undefined;
  /** Everything was sent. */
  drained(): boolean;
  ack(stream: LogStream, offset: number): void;
  /** Someone else listens now, or nobody: what was sent and not acknowledged will be sent again. */
  rewind(): void;
  /** Forgets all; whoever waits goes on. */
  dispose(): void;
}

export interface SpoolRoom {
  /** Folder for the files; it exists. */
  dir: string;
  /** Most unacknowledged bytes of one attempt in memory. 1 MiB is 16 full pipes. */
  windowBytes: number;
  /** Most of all attempts in memory. */
  memoryBytes: number;
  /** Most of all attempts in files. */
  diskBytes: number;
}

export const DEFAULT_ROOM = {
  windowBytes: 1024 * 1024,
  memoryBytes: 64 * 1024 * 1024,
  diskBytes: 1024 * 1024 * 1024,
};

export interface SpoolFactory {
  /** `listening` tells whether a session is there that takes this attempt's chunks. */
  create(listening: () => boolean): LogSpool;
  /** Nobody will fetch any of it: all is forgotten, now and from here on, and nobody waits. */
  abandon(): void;
}

/** What a chunk takes beside its data: the object, and its ids on the wire. */
const CHUNK_OVERHEAD_BYTES = 256;

export function createSpools(room: SpoolRoom): SpoolFactory {
  const used: Used = { memory: 0, disk: 0, diskFailed: false };
  const spools = new Set<LogSpool>();
  let files = 0;
  let abandoned = false;
  return {
    create(listening) {
      const newPath = () => `${room.dir}/${++files}.log`;
      const spool: LogSpool = createSpool(room, used, listening, newPath, () => spools.delete(spool));
      spools.add(spool);
      if (abandoned) spool.dispose();
      return spool;
    },
    abandon() {
      abandoned = true;
      for (const spool of spools) spool.dispose();
    },
  };
}

/** What all spools of the executor hold together. */
interface Used {
  memory: number;
  disk: number;
  diskFailed: boolean;
}

function createSpool(
  room: SpoolRoom,
  used: Used,
  listening: () => boolean,
  newPath: () => string,
  disposedOf: () => void,
): LogSpool {
  // The line is: memory[0..sent] sent, memory[sent..] to send, file, tail. The tail is used only when the
  // file has something and cannot take more.
  let memory: LogChunk[] = [];
  let sent = 0;
  let memoryBytes = 0;
  let file: SpoolFile | undefined;
  let tail: LogChunk[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  let disposed = false;
  const acked = new Map<LogStream, number>();

  const size = (chunk: LogChunk) => chunk.data.length + CHUNK_OVERHEAD_BYTES;
  const behind = () => tail.length > 0 || (file !== undefined && file.pending() > 0);
  const roomOnDisk = () => !used.diskFailed && used.disk < room.diskBytes - room.windowBytes;

  function account(bytes: number): void {
    memoryBytes += bytes;
    used.memory += bytes;
  }

  function toFile(chunk: LogChunk): boolean {
    if (!roomOnDisk()) return false;
    try {
      file ??= openSpoolFile(newPath());
      used.disk += file.append(toBinary(LogChunkSchema, chunk));
      return true;
    } catch {
      // The disk is full or gone: from here on memory has to do, and programs wait.
      used.diskFailed = true;
      return false;
    }
  }

  // With all memory taken by others, one chunk at a time still goes through.
  function refill(): void {
    const mayGrow = () =>
      memory.length === 0 || (memoryBytes < room.windowBytes && used.memory < room.memoryBytes);
    while (file !== undefined && file.pending() > 0 && mayGrow()) {
      const chunk = fromBinary(LogChunkSchema, file.shift());
      memory.push(chunk);
      account(size(chunk));
    }
    if (file === undefined || file.pending() > 0) return;
    used.disk -= file.truncate();
    memory.push(...tail);
    tail = [];
  }

  function full(): boolean {
    if (listening()) return memoryBytes >= room.windowBytes || behind();
    return (memoryBytes >= room.windowBytes || behind()) && !roomOnDisk();
  }

  function release(): void {
    if (waiting === undefined || (!disposed && full())) return;
    waiting.resolve();
    waiting = undefined;
  }

  return {
    push(chunk) {
      if (disposed) return undefined;
      const spill =
        behind() || used.memory >= room.memoryBytes || (memoryBytes >= room.windowBytes && !listening());
      if (!spill || tail.length > 0 || !toFile(chunk)) {
        (behind() ? tail : memory).push(chunk);
        account(size(chunk));
      }
      if (!full()) return undefined;
      waiting ??= Promise.withResolvers<void>();
      return waiting.promise;
    },
    next() {
      if (sent === memory.length) refill();
      return sent === memory.length ? undefined : memory[sent++];
    },
    drained: () => sent === memory.length && !behind(),
    ack(stream, offset) {
      acked.set(stream, Math.max(offset, acked.get(stream) ?? 0));
      let gone = 0;
      for (; gone < sent; gone++) {
        const chunk = memory[gone]!;
        if (chunk.offset + chunk.data.length > (acked.get(chunk.stream) ?? 0)) break;
        account(-size(chunk));
      }
      if (gone > 0) memory = memory.slice(gone);
      sent -= gone;
      refill();
      release();
    },
    rewind() {
      sent = 0;
      release();
    },
    dispose() {
      disposed = true;
      account(-memoryBytes);
      memory = [];
      tail = [];
      sent = 0;
      if (file !== undefined) used.disk -= file.remove();
      file = undefined;
      release();
      disposedOf();
    },
  };
}

/** Records of a length and its bytes, appended at the end and read from the front. */
interface SpoolFile {
  /** Returns how many bytes the file grew by. */
  append(record: Uint8Array): number;
  shift(): Uint8Array;
  /** Bytes not read yet. */
  pending(): number;
  /** Empties a file that was read to its end; returns how many bytes that freed. */
  truncate(): number;
  remove(): number;
}

function openSpoolFile(path: string): SpoolFile {
  const fd = openSync(path, 'w+', 0o600);
  let start = 0;
  let end = 0;
  const head = Buffer.alloc(4);
  return {
    append(record) {
      const whole = Buffer.allocUnsafe(4 + record.length);
      whole.writeUInt32LE(record.length);
      whole.set(record, 4);
      // A short write (disk full) leaves `end` where it was: the torn record is written over.
      let done = 0;
      while (done < whole.length) done += writeSync(fd, whole, done, whole.length - done, end + done);
      end += whole.length;
      return whole.length;
    },
    shift() {
      readSync(fd, head, 0, 4, start);
      const record = Buffer.allocUnsafe(head.readUInt32LE());
      readSync(fd, record, 0, record.length, start + 4);
      start += 4 + record.length;
      return record;
    },
    pending: () => end - start,
    truncate() {
      const freed = end;
      if (freed > 0) ftruncateSync(fd, 0);
      start = end = 0;
      return freed;
    },
    remove() {
      closeSync(fd);
      rmSync(path, { force: true });
      return end;
    },
  };
}
