import type { Socket } from 'node:net';

/**
 * What the executor and its spawner say to each other, over one socket pair.
 *
 * A frame is a 9-byte head (u32 length of the body, u8 kind, u32 program id; little endian) and a body.
 * Frames written in one turn of the event loop leave in one write.
 */
export const FrameKind = {
  /** To the spawner. Body: u32 argc, u32 envc, then NUL-ended strings: path, cwd, stdin, argv…, env…. */
  spawn: 1,
  /** To the spawner: u32 signal number for the program's process group. */
  signal: 2,
  /** To the spawner: u32 bytes of output that were taken, so that as much more may be sent. */
  credit: 3,
  /** Both ways; the answer is JSON (SpawnerStats). */
  stats: 4,
  /** From the spawner, once: JSON { kind, pid }. */
  hello: 16,
  /** The program lives longer than a moment: u32 pid, which is also its process group and session. */
  started: 17,
  stdout: 18,
  stderr: 19,
  /** The last frame of a program that ran: see encodeExit. */
  exited: 20,
  /** The only frame of a program that could not be started: an error code as text, for example ENOENT. */
  refused: 21,
} as const;

/** Output of one program that may be under way before the executor takes some of it; bytes. Four pipes' worth:
 *  enough to keep a fast writer going across one round trip, little enough for a thousand programs at once. */
export const OUTPUT_WINDOW = 256 * 1024;

const HEAD = 9;
const SLAB = 64 * 1024;

export interface SpawnRequest {
  /** Absolute. */
  path: string;
  cwd: string;
  /** Absolute path of the file that is standard input; empty is /dev/null. */
  stdin: string;
  argv: readonly string[];
  /** NAME=value, of this program alone. */
  env: readonly string[];
  /** Shared by many programs, encoded once. */
  baseEnv: EnvBlock;
}

export interface EnvBlock {
  /** NUL-ended strings. */
  bytes: Buffer;
  count: number;
}

/** Before the error code in a refusal that is about the file of standard input. */
export const STDIN_REFUSED = 'STDIN ';

/** How a program ended. Times are Unix milliseconds, memory is bytes (0: unknown). */
export interface ProgramExit {
  /** -1 when a signal ended it. */
  code: number;
  /** 0 when it exited by itself. */
  signal: number;
  userCpuMs: number;
  systemCpuMs: number;
  peakMemoryBytes: number;
  startedMs: number;
  endedMs: number;
  /** Processes of its group outlived it and were ended, or something still held its output open. */
  leftovers: boolean;
}

export interface SpawnerStats {
  kind: 'native' | 'portable';
  pid: number;
  /** Programs that have not ended. */
  live: number;
  /** Programs that wait for a file descriptor or a process to become free. */
  waiting: number;
  spawned: number;
  openFiles: number;
  rssBytes: number;
  /** Output that waits for the executor to read its end of the socket. */
  unsentBytes: number;
}

export interface FrameWriter {
  frame(kind: number, id: number, body?: Uint8Array): void;
  spawn(id: number, request: SpawnRequest): void;
  u32(kind: number, id: number, value: number): void;
  /** Sends what was written; without it that happens at the end of the turn. */
  flush(): void;
}

export function createFrameWriter(socket: Socket): FrameWriter {
  let slab = Buffer.allocUnsafeSlow(SLAB);
  let begin = 0; // first byte of the slab that has not been handed to the socket
  let end = 0;
  let parts: Uint8Array[] = [];
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    closePart();
    if (parts.length === 0) return;
    const sending = parts;
    parts = [];
    if (socket.destroyed) return;
    if (sending.length > 1) socket.cork();
    for (const part of sending) socket.write(part);
    if (sending.length > 1) socket.uncork();
  }

  function closePart(): void {
    if (end > begin) parts.push(slab.subarray(begin, end));
    begin = end;
  }

  /** Makes room for `size` bytes in the slab; returns where they go. */
  function room(size: number): number {
    if (!scheduled) {
      scheduled = true;
      process.nextTick(flush);
    }
    if (end + size > slab.length) {
      closePart();
      slab = Buffer.allocUnsafeSlow(Math.max(SLAB, size));
      begin = 0;
      end = 0;
    }
    const at = end;
    end += size;
    return at;
  }

  function head(at: number, kind: number, id: number, length: number): void {
    slab.writeUInt32LE(length, at);
    slab[at + 4] = kind;
    slab.writeUInt32LE(id, at + 5);
  }

  return {
    flush,
    frame(kind, id, body) {
      const length = body?.length ?? 0;
      if (body === undefined || length <= 4096) {
        const at = room(HEAD + length);
        head(at, kind, id, length);
        if (body !== undefined) slab.set(body, at + HEAD);
        return;
      }
      head(room(HEAD), kind, id, length);
      closePart();
      parts.push(body);
    },
    u32(kind, id, value) {
      const at = room(HEAD + 4);
      head(at, kind, id, 4);
      slab.writeUInt32LE(value, at + HEAD);
    },
    spawn(id, { path, cwd, stdin, argv, env, baseEnv }) {
      let text = `${path}\0${cwd}\0${stdin}\0`;
      for (const argument of argv) text += `${argument}\0`;
      for (const entry of env) text += `${entry}\0`;
      const textBytes = Buffer.byteLength(text);
      const length = 8 + textBytes + baseEnv.bytes.length;
      const at = room(HEAD + length);
      head(at, FrameKind.spawn, id, length);
      slab.writeUInt32LE(argv.length, at + HEAD);
      slab.writeUInt32LE(env.length + baseEnv.count, at + HEAD + 4);
      slab.write(text, at + HEAD + 8);
      slab.set(baseEnv.bytes, at + HEAD + 8 + textBytes);
    },
  };
}

/** Feeds chunks of a socket in, calls back with whole frames. A body is valid during the call; it may be kept,
 *  but can pin the chunk it came in. */
export function createFrameReader(
  onFrame: (kind: number, id: number, body: Buffer) => void,
): (chunk: Buffer) => void {
  let partial: Buffer | undefined; // a frame under way, its head included
  let filled = 0;
  let headBytes: Buffer | undefined; // less than a head

  return function feed(input: Buffer): void {
    let chunk = input;
    if (partial !== undefined) {
      const take = Math.min(partial.length - filled, chunk.length);
      chunk.copy(partial, filled, 0, take);
      filled += take;
      if (filled < partial.length) return;
      const whole = partial;
      partial = undefined;
      onFrame(whole[4]!, whole.readUInt32LE(5), whole.subarray(HEAD));
      chunk = chunk.subarray(take);
    } else if (headBytes !== undefined) {
      chunk = Buffer.concat([headBytes, chunk]);
      headBytes = undefined;
    }
    let at = 0;
    while (chunk.length - at >= HEAD) {
      const size = HEAD + chunk.readUInt32LE(at);
      if (chunk.length - at < size) {
        partial = Buffer.allocUnsafeSlow(size);
        filled = chunk.copy(partial, 0, at);
        return;
      }
      onFrame(chunk[at + 4]!, chunk.readUInt32LE(at + 5), chunk.subarray(at + HEAD, at + size));
      at += size;
    }
    if (at < chunk.length) headBytes = Buffer.from(chunk.subarray(at));
  };
}

const EXIT_BYTES = 4 + 4 + 5 * 8 + 1;

export function encodeExit(exit: ProgramExit): Buffer {
  const body = Buffer.allocUnsafe(EXIT_BYTES);
  body.writeInt32LE(exit.code, 0);
  body.writeInt32LE(exit.signal, 4);
  body.writeDoubleLE(exit.userCpuMs, 8);
  body.writeDoubleLE(exit.systemCpuMs, 16);
  body.writeDoubleLE(exit.peakMemoryBytes, 24);
  body.writeDoubleLE(exit.startedMs, 32);
  body.writeDoubleLE(exit.endedMs, 40);
  body[48] = exit.leftovers ? 1 : 0;
  return body;
}

export function decodeExit(body: Buffer): ProgramExit {
  return {
    code: body.readInt32LE(0),
    signal: body.readInt32LE(4),
    userCpuMs: body.readDoubleLE(8),
    systemCpuMs: body.readDoubleLE(16),
    peakMemoryBytes: body.readDoubleLE(24),
    startedMs: body.readDoubleLE(32),
    endedMs: body.readDoubleLE(40),
    leftovers: body[48] === 1,
  };
}
