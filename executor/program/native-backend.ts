import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import type { ProgramPipes, SpawnBackend, SpawnedProgram } from './program-host.ts';
import { openStdin } from './stdin-file.ts';

/**
 * Starts programs with libc's posix_spawn, reached through koffi. Both glibc and musl implement it with
 * CLONE_VM|CLONE_VFORK, so its cost does not grow with resident memory: 0.09 ms of CPU a program where
 * child_process.spawn takes 1.4 ms. Linux on 64-bit little-endian machines; throws elsewhere, and where koffi
 * or one of the functions is missing (the portable backend is used then).
 *
 * Each program leads a session of its own: no terminal can be read (a password prompt fails at once rather
 * than stopping for ever), and one kill reaches its whole group. The spawner is a child subreaper, so what a
 * program leaves behind becomes the spawner's child: it can be reaped and found.
 */
export function createNativeBackend(): SpawnBackend {
  const libc = loadLibc();
  const spawner = createSpawn(libc);
  libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  closeOnExec(libc);
  const usage = Buffer.allocUnsafeSlow(144); // struct rusage of 64-bit Linux
  const status = Buffer.allocUnsafeSlow(64);
  let ownPeak = process.resourceUsage().maxRSS * 1024;

  /** The kernel carries the spawner's own peak over into a vforked child, so only what is above it tells
   *  something about the program. 0: unknown. */
  function peakMemory(): number {
    const bytes = Number(usage.readBigInt64LE(32)) * 1024;
    if (bytes <= ownPeak) return 0;
    ownPeak = process.resourceUsage().maxRSS * 1024;
    return bytes > ownPeak ? bytes : 0;
  }

  return {
    kind: 'native',
    lazyPipes: true,
    spawn: spawner,
    onReap(reaped) {
      process.on('SIGCHLD', () => {
        const ended: Parameters<typeof reaped>[0] = [];
        for (;;) {
          const pid = libc.wait4(-1, status, WNOHANG, usage);
          if (pid <= 0) break;
          const word = status.readInt32LE(0);
          const signal = word & 0x7f;
          ended.push({
            pid,
            code: signal === 0 ? (word >> 8) & 0xff : -1,
            signal,
            userCpuMs: timeMs(usage, 0),
            systemCpuMs: timeMs(usage, 16),
            peakMemoryBytes: peakMemory(),
          });
        }
        if (ended.length > 0) reaped(ended);
      });
    },
    groupAlive: (pid) => libc.kill(-pid, 0) === 0 || libc.errno() === os.constants.errno.EPERM,
  };
}

/** Descriptors that the executor was started with, by a careless parent of its own, are not for programs. All
 *  that are opened later are closed on exec anyway. */
function closeOnExec(libc: Libc): void {
  for (const fd of fs.readdirSync('/proc/self/fd').map(Number))
    if (fd > 2) libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

const WNOHANG = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const O_CLOEXEC = 0o2000000;
const POLLIN = 0x1;
// posix_spawnattr flags: the same numbers in glibc and musl.
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
// Room for the opaque structs; glibc needs 336 and 80 bytes, musl no more.
const ATTR_BYTES = 512;
const ACTIONS_BYTES = 256;
const SIGSET_BYTES = 128;

type Pointer = Uint8Array | null;

interface Libc {
  posix_spawn(
    pid: Pointer,
    path: Pointer,
    actions: Pointer,
    attr: Pointer,
    argv: Pointer,
    env: Pointer,
  ): number;
  actionsInit(actions: Pointer): number;
  actionsDestroy(actions: Pointer): number;
  dup2(actions: Pointer, from: number, to: number): number;
  chdir(actions: Pointer, path: Pointer): number;
  pipe2(fds: Pointer, flags: number): number;
  poll(fds: Pointer, count: number, timeoutMs: number): number;
  read(fd: number, into: Pointer, size: number): number;
  wait4(pid: number, status: Pointer, options: number, usage: Pointer): number;
  fcntl(fd: number, command: number, value: number): number;
  kill(pid: number, signal: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  attr(): Buffer;
  address(of: Uint8Array): number;
  errno(): number;
}

function loadLibc(): Libc {
  const supported =
    process.platform === 'linux' && os.endianness() === 'LE' && ['x64', 'arm64'].includes(process.arch);
  if (!supported) throw new Error(`no native spawner for ${process.platform} on ${process.arch}`);
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const lib = koffi.load(null);
  const attrInit = lib.func('int posix_spawnattr_init(void *)');
  const attrFlags = lib.func('int posix_spawnattr_setflags(void *, int16_t)');
  const attrDefault = lib.func('int posix_spawnattr_setsigdefault(void *, void *)');
  const attrMask = lib.func('int posix_spawnattr_setsigmask(void *, void *)');
  const emptySet = lib.func('int sigemptyset(void *)');
  const fillSet = lib.func('int sigfillset(void *)');
  const removeFromSet = lib.func('int sigdelset(void *, int)');
  return {
    posix_spawn: lib.func('int posix_spawn(void *, void *, void *, void *, void *, void *)'),
    actionsInit: lib.func('int posix_spawn_file_actions_init(void *)'),
    actionsDestroy: lib.func('int posix_spawn_file_actions_destroy(void *)'),
    dup2: lib.func('int posix_spawn_file_actions_adddup2(void *, int, int)'),
    chdir: lib.func('int posix_spawn_file_actions_addchdir_np(void *, void *)'),
    pipe2: lib.func('int pipe2(void *, int)'),
    poll: lib.func('int poll(void *, unsigned long, int)'),
    read: lib.func('long read(int, void *, size_t)'),
    wait4: lib.func('int wait4(int, void *, int, void *)'),
    fcntl: lib.func('int fcntl(int, int, int)'),
    kill: lib.func('int kill(int, int)'),
    prctl: lib.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
    attr() {
      const attr = Buffer.alloc(ATTR_BYTES);
      const set = Buffer.alloc(SIGSET_BYTES);
      attrInit(attr);
      attrFlags(attr, SETSIGDEF | SETSIGMASK | SETSID);
      emptySet(set);
      attrMask(attr, set);
      fillSet(set);
      removeFromSet(set, os.constants.signals.SIGKILL);
      removeFromSet(set, os.constants.signals.SIGSTOP);
      attrDefault(attr, set);
      return attr;
    },
    address: (of) => Number(koffi.address(of)),
    errno: () => koffi.errno(),
  };
}

function createSpawn(libc: Libc): SpawnBackend['spawn'] {
  const attr = libc.attr();
  const actions = Buffer.alloc(ACTIONS_BYTES);
  const pid = Buffer.allocUnsafeSlow(64);
  const pair = Buffer.allocUnsafeSlow(64);
  const nothing = fs.openSync('/dev/null', 'r');
  let table = Buffer.allocUnsafeSlow(8 * 1024);

  /** Fills the table with char*[] of argv and envp; returns where envp begins. Addresses are below 2^48, so a
   *  double holds them. */
  function fillTable(strings: Buffer, argc: number, envc: number, first: number): number {
    const entries = argc + envc + 2;
    if (entries * 8 > table.length) table = Buffer.allocUnsafeSlow(entries * 16);
    const base = libc.address(strings);
    let at = first;
    for (let entry = 0; entry < entries; entry++) {
      const isEnd = entry === argc || entry === entries - 1;
      const address = isEnd ? 0 : base + at;
      table.writeUInt32LE(address >>> 0, entry * 8);
      table.writeUInt32LE(Math.floor(address / 2 ** 32), entry * 8 + 4);
      if (!isEnd) at = strings.indexOf(0, at) + 1;
    }
    return (argc + 1) * 8;
  }

  function openPipe(): [number, number] | string {
    if (libc.pipe2(pair, O_CLOEXEC) !== 0) return errorName(libc.errno());
    return [pair.readInt32LE(0), pair.readInt32LE(4)];
  }

  return function spawn(body, settle) {
    const out = openPipe();
    if (typeof out === 'string') return settle(out);
    const err = openPipe();
    if (typeof err === 'string') {
      for (const fd of out) fs.closeSync(fd);
      return settle(err);
    }
    const path = body.subarray(8);
    const cwd = path.subarray(path.indexOf(0) + 1);
    const stdin = cwd.subarray(cwd.indexOf(0) + 1);
    const stdinEnd = stdin.indexOf(0);
    const given = stdinEnd === 0 ? nothing : openStdin(stdin.toString('utf8', 0, stdinEnd));
    if (typeof given === 'string') {
      for (const fd of [...out, ...err]) fs.closeSync(fd);
      return settle(given);
    }
    const first = stdin.byteOffset - body.byteOffset + stdinEnd + 1;
    const envAt = fillTable(body, body.readUInt32LE(0), body.readUInt32LE(4), first);
    libc.actionsInit(actions);
    libc.dup2(actions, given, 0);
    libc.dup2(actions, out[1], 1);
    libc.dup2(actions, err[1], 2);
    libc.chdir(actions, cwd);
    const error = libc.posix_spawn(pid, path, actions, attr, table, table.subarray(envAt));
    libc.actionsDestroy(actions);
    if (given !== nothing) fs.closeSync(given);
    fs.closeSync(out[1]);
    fs.closeSync(err[1]);
    if (error !== 0) {
      fs.closeSync(out[0]);
      fs.closeSync(err[0]);
      return settle(errorName(error));
    }
    settle({ pid: pid.readInt32LE(0), pipes: createPipes(libc, out[0], err[0]) } satisfies SpawnedProgram);
  };
}

// Shared by all reads: what was read is copied out before the next one.
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);
const pollBuffer = Buffer.allocUnsafeSlow(64);

/** Two read ends that get a libuv handle only when streams are asked for. They are blocking until then, so
 *  nothing is read that poll did not announce. */
function createPipes(libc: Libc, out: number, err: number): ProgramPipes {
  const fds: [number, number] = [out, err]; // -1: closed

  return {
    drain(emit) {
      for (;;) {
        for (const side of [0, 1] as const) {
          pollBuffer.writeInt32LE(fds[side], side * 8); // poll passes over a negative descriptor
          pollBuffer.writeInt32LE(POLLIN, side * 8 + 4);
        }
        if (libc.poll(pollBuffer, 2, 0) <= 0) return fds[0] === -1 && fds[1] === -1;
        for (const side of [0, 1] as const) {
          const events = pollBuffer.readInt16LE(side * 8 + 6);
          if (fds[side] === -1 || events === 0) continue;
          const size = events & POLLIN ? libc.read(fds[side], readBuffer, readBuffer.length) : 0;
          if (size > 0) {
            if (!emit(side, Buffer.from(readBuffer.subarray(0, size)))) return false;
          } else {
            fs.closeSync(fds[side]);
            fds[side] = -1;
          }
        }
      }
    },
    streams() {
      const open = [];
      for (const side of [0, 1] as const) {
        if (fds[side] === -1) continue;
        open.push({ side, stream: new net.Socket({ fd: fds[side], readable: true, writable: false }) });
        fds[side] = -1;
      }
      return open;
    },
  };
}

function timeMs(usage: Buffer, at: number): number {
  return Number(usage.readBigInt64LE(at)) * 1000 + Number(usage.readBigInt64LE(at + 8)) / 1000;
}

const errorNames = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]));

function errorName(number: number): string {
  return errorNames.get(number) ?? `E${number}`;
}
